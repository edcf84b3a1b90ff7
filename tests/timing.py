"""How long tests wait for what must happen in time: on a slow machine, ``STARCAST_TEST_TIME_UNIT=3`` makes it three."""

import os
from typing import Final

UNIT: Final = float(os.environ.get("STARCAST_TEST_TIME_UNIT", "1"))
