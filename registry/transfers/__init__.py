"""Transfers: an enterprise gives an identifier or a whole prefix to another, with the consent of both."""
