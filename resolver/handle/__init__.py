"""The Handle protocol over TCP and UDP: listeners, the lane of ready answers, resolution, and administration by challenge."""
