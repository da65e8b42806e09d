"""Ground floor: identifier law (pure) and the few shared doors to the outside (database, cache, settings, web)."""
