"""The audit: one entry a request or batch, sealed into a chain in the background, verified by whoever wants to
(deploy/decisions/0010)."""
