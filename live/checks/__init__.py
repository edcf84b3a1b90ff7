"""System checks: wrong settings are reported at start."""
