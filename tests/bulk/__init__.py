"""Bulk jobs against real servers, with the runner as a process of its own, as in a node."""
