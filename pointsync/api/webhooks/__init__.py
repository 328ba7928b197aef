"""Webhooks: a shop's program lets this site call it when points have changed."""
