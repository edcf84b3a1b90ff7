"""What was used: texts rated, tokens the model read, explanations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from live.models import ApiKey, KeyUsage

SHOWN_DAYS: Final = 30
"""Days that are shown. Older ones are deleted after a year."""
_KEPT_DAYS: Final = 366
MAX_REFERENCES: Final = 1_000
"""References that are shown, those with most texts first."""


@dataclass(slots=True)
class Usage:
    """Counts of texts rated, of their tokens, and of explanations."""

    texts: int = 0
    tokens: int = 0
    explanations: int = 0

    def add(self, other: "Usage") -> None:
        """Count more."""
        self.texts += other.texts
        self.tokens += other.tokens
        self.explanations += other.explanations


class User(NamedTuple):
    """Who used a key on a day: ``reference`` is that of the token, or empty."""

    key_id: int
    reference: str
    day: date


def store(used: Mapping[User, Usage]) -> None:
    """Add to what is stored: all or nothing. Raises django.db.Error."""
    with transaction.atomic():
        # A key that was deleted meanwhile has no usage.
        kept = set(ApiKey.objects.filter(pk__in={user.key_id for user in used}).values_list("pk", flat=True))
        for user, usage in used.items():
            if user.key_id not in kept:
                continue
            row, _ = KeyUsage.objects.get_or_create(key_id=user.key_id, reference=user.reference, day=user.day)
            KeyUsage.objects.filter(pk=row.pk).update(
                texts=F("texts") + usage.texts,
                tokens=F("tokens") + usage.tokens,
                explanations=F("explanations") + usage.explanations,
            )
        KeyUsage.objects.filter(day__lt=today() - timedelta(days=_KEPT_DAYS)).delete()


def stored_usage(key_id: int) -> dict[str, Usage]:
    """Return what a key used in the last ``SHOWN_DAYS``, by reference. Raises django.db.Error."""
    rows = (
        KeyUsage.objects.filter(key_id=key_id, day__gt=today() - timedelta(days=SHOWN_DAYS))
        .values("reference")
        .annotate(all_texts=Sum("texts"), all_tokens=Sum("tokens"), all_explanations=Sum("explanations"))
    )
    return {row["reference"]: Usage(row["all_texts"], row["all_tokens"], row["all_explanations"]) for row in rows}


def total(used: Mapping[str, Usage]) -> Usage:
    """Return the sum."""
    everything = Usage()
    for usage in used.values():
        everything.add(usage)
    return everything


def today() -> date:
    """Return the date in UTC."""
    return timezone.now().date()
