"""Webhooks: this site reports changed points to endpoints of shops. Each is a reader of the feed."""
