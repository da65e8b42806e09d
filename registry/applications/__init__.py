"""Enterprises apply: what they say of themselves, the states of an application, what the top level makes of it."""
