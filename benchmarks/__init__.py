"""Load and limits. A figure is a ratio to a named limit that was measured in the same run."""
