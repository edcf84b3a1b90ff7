"""Metrics and logs. No texts, keys or addresses."""
