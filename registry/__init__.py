"""Writing: enterprises, prefixes, keys, templates and identifiers. routes → doors → one verb → store → core."""
