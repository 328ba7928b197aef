"""Movements of this site that are lost here and come back from other sites: the ledger's side of it."""
