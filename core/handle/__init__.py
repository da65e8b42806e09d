"""The Handle protocol (RFC 3650 to 3652), sans I/O: messages, values, proofs, and what administration is."""
