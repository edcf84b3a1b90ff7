"""The WebSocket that rates text as it is typed."""
