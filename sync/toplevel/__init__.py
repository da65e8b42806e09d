"""The national top-level node in a box: the other end of peering, real enough to be certified against, on a laptop
(deploy/decisions/0022). What answers a subject has a module of its own, added to `app.py`; escrow, statistics, takeover,
bootstrap and referral go beside access.
"""
