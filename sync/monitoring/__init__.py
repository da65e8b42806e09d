"""Heartbeat and hourly statistics for the top level."""
