"""One verb, one file; each docstring lists every error the verb can raise."""
