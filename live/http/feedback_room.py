"""How much feedback is kept: rows, bytes, a daily share of each address, and for how long."""

import asyncio
import logging
import math
import time
from datetime import timedelta
from typing import Final

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.db.models import Count, Sum
from django.utils import timezone

from live.access.address_rates import DAY_S, AddressRates
from live.limits import Limits, get_limits
from live.messages.protocol import ProtocolError, beyond_rate
from live.models import Feedback

logger = logging.getLogger(__name__)

_COUNT_EVERY_S: Final = 60.0
"""Until it counts again, a process does not see what others have stored."""
_EXPIRE_EVERY_S: Final = 3_600.0
_MB: Final = 10**6


def kept() -> tuple[int, int]:
    """Return the number of rows and the bytes of their texts. Raises DatabaseError."""
    totals = Feedback.objects.aggregate(rows=Count("pk"), size=Sum("size"))
    return totals["rows"], totals["size"] or 0


def expire(days: int) -> None:
    """Delete what is older than ``days``; 0 keeps everything. Raises DatabaseError."""
    expired = Feedback.objects.filter(created__lt=timezone.now() - timedelta(days=days))
    # Looking first, since deleting waits for a lock.
    if days and expired.exists():
        expired.delete()


async def keep_expiring() -> None:
    """Delete expired feedback every hour, until cancelled."""
    while True:
        try:
            await database_sync_to_async(expire)(get_limits().feedback_days)
        except DatabaseError as error:
            logger.warning("expired feedback could not be deleted, will try again: %s", type(error).__name__)
        await asyncio.sleep(_EXPIRE_EVERY_S)


class FeedbackRoom:
    """What is left of the limits, as far as this process knows."""

    def __init__(self) -> None:
        self._rates = AddressRates("feedback")
        self._rows = self._size = 0
        self._counted_at = -math.inf

    async def take(self, address: str, size: int, limits: Limits) -> None:
        """Take room for a text of ``size`` bytes.

        Raises ProtocolError: ``rate_limited`` if the address has used up its day, ``storage_unavailable`` if no more
        is kept. Raises DatabaseError.
        """
        if time.monotonic() - self._counted_at > _COUNT_EVERY_S:
            self._rows, self._size = await database_sync_to_async(kept)()
            self._counted_at = time.monotonic()
        if self._rows >= limits.max_feedback or self._size + size > limits.max_feedback_mb * _MB:
            raise ProtocolError("storage_unavailable", "no more feedback is taken at the moment")
        if wait_s := self._rates.spend(address, limits.max_feedback_per_day, DAY_S / limits.max_feedback_per_day):
            raise beyond_rate("enough feedback for today; thank you", wait_s)
        self._rows += 1
        self._size += size


feedback_room = FeedbackRoom()
"""The room of this process."""
