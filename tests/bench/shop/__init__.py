"""How fast a site answers its shop."""
