"""Exports of customers, movements and deliveries as CSV."""
