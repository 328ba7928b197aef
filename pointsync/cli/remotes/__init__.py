"""Commands for remotes and the sites behind them."""
