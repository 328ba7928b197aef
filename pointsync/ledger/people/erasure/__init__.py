"""Erasing a person: the addresses at once, then every text that names the person; and the receipts."""
