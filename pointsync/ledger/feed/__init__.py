"""The feed: all movements in the order in which this site recorded them, for programs that follow them."""
