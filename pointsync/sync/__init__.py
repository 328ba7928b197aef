"""Keeping sites in step: who this site is, what travels, how it is sent, and how the sending goes."""
