"""Customers: the list, a customer's history, adjusting points, redemptions and imports."""
