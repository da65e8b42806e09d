"""Access to the national top level: what it is to hear goes out, once, and what it decides comes back (deploy/decisions/0021)."""
