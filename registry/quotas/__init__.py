"""How many identifiers may be registered: allowance is lent to workers in blocks, so that it is exact and costs next to nothing."""
