"""Standby data at the top level, orders by which it takes resolution over, and the hand-back."""
