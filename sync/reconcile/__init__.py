"""Digest reconciliation: which identifiers differ between here and the top level's copy, exactly, and their repair."""
