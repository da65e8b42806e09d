"""The demo: real components of real manufacturers, registered through the public API like anybody's."""
