"""The browser that tests and pictures use."""

NAMES = ("chromium", "chromium-browser", "google-chrome")

# The machine's Chromium is asked for nothing but the page: no updates, no look-ups of its own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
