"""The Daphne server, its shutdown, watchdog and health check."""
