"""Changes of people that come from other sites: received once, and approved or refused by admins."""
