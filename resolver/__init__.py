"""Reading: lookup through the cache tiers, and the doors a partner knocks on."""
