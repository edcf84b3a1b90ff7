"""The HTTP API and the health checks."""
