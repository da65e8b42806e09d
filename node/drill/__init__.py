"""The acceptance of docking, rehearsed: the six headings of T11/AII 004-2021 against a top-level node in a box."""
