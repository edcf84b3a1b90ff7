"""Chromium for tests and screenshots."""

NAMES = ("chromium", "chromium-browser", "google-chrome")

# No updates or other background requests of Chromium itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
