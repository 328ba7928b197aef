"""The panel as people use it: a real browser, its keyboard, and what axe finds."""
