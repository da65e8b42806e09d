"""EPP (RFC 5730) with the mappings of enterprises, enterprise prefixes and identifiers: messages and sessions, without I/O."""
