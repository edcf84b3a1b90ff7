"""Simulated typists: which keys they press, when, at which server, and how late the answers are."""
