"""Numbers of things in English messages."""


def counted(count: int, noun: str) -> str:
    """Return "1 text" or "2,000 texts"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
