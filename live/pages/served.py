"""What the pages say of the served model: not all models rate films."""

from typing import Any

from django.http import HttpRequest

from live.serving.process_engine import get_served_info
from model_core.checkpoint import ENGLISH


def served(request: HttpRequest) -> dict[str, Any]:
    """Return ``is_film`` for all templates; of another model also its name, words and language."""
    info = get_served_info()
    if info is None or info.labels.is_film:
        return {"is_film": True}
    return {
        "is_film": False,
        "is_english": info.language == ENGLISH,
        "model_name": f"{info.name} {info.version}",
        "words": info.page,
    }
