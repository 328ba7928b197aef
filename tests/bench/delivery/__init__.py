"""How fast movements get from one site to others."""
