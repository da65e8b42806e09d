"""Data escrow: deposits of what this node holds, written, packed, sent, reported and restored."""
