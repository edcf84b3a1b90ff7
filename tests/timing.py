"""How long tests wait."""

from typing import Final

PATIENCE_S: Final = 60.0
"""For what comes at once, unless the machine is busy or something is broken."""
