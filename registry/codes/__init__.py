"""Public code lists that come with the program; README.md beside them says whose they are."""
