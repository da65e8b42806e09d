"""GS1 Digital Link: the resolver of GS1 keys (GS1-Conformant resolver standard 1.2)."""
