"""Daphne, started and stopped with care."""
