"""Metrics and logs. Neither contains texts or keys."""
