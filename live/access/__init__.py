"""Who may connect, and how much one connection, address or key may take."""
