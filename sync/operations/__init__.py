"""What both ends of monitoring and takeover share: canonical bytes, signed documents, shapes (`idis-ops/1`). No public format
exists; this one is our own."""
