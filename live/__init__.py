"""The live page and its WebSocket: keystrokes in, ratings out."""
