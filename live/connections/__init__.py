"""What every WebSocket shares: accepting, refusing, idling, draining."""
