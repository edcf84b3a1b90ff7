"""Chromium for tests and screenshots."""

NAMES = ("chromium", "chromium-browser", "google-chrome")
HEADLESS_NAMES = ("chromium-headless-shell", *NAMES)
"""Where it is installed, the one without a window: it takes the tests less of the processor."""

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
