"""Chromium for tests and screenshots."""

NAMES = ("chromium", "chromium-browser", "google-chrome")

# No updates or other background requests of Chromium itself.
ARGUMENTS = [
    "--no-sandbox",
    # Drawing on the processor is cheaper without a simulated graphics card in between.
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
