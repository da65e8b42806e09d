"""Peering with the national top-level node. Only its door stands so far: what the rest of the house may rely on."""
