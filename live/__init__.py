"""The Django app: pages, HTTP API and WebSocket."""
