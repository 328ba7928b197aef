"""Handing on the movements of a site that is gone for good to sites that lack them."""
