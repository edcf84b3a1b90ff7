"""Texts with labels of one's own: read from tables, kept in folders."""
