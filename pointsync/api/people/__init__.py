"""The calls about people: other addresses, customers who are one, and customers who may be."""
