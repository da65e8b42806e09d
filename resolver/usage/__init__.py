"""How much is resolved: counted in memory, sealed once a second, applied exactly once."""
