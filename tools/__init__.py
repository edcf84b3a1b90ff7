"""Development tools: a whole site on loopback, and screenshots."""
