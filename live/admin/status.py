"""The status page of the admin: what the process that serves the page is doing."""

import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from live.http.feedback_room import kept
from live.limits import get_limits
from live.monitoring.metrics import REGISTRY, sample
from live.serving.model_choice import newest_choice
from live.serving.process_engine import get_serving
from model_core.errors import CheckpointError
from model_core.plurals import counted

Rows = Mapping[str, Any]


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show the model, the work and the resources of this process."""
    context = {
        **admin.site.each_context(request),
        "title": "Status",
        "sections": {"Model": _model(), "Work": _work(), "Feedback": _feedback(), "Process": _process()},
    }
    return render(request, "live/admin_status.html", context)


def _model() -> Rows:
    try:
        serving = get_serving()
    except CheckpointError as error:
        return {"Problem": str(error), "Chosen": _choice()}
    info, difference = serving.classifier.info, serving.golden_difference
    return {
        "Name": info.name,
        "Version": info.version,
        "Backend": info.backend,
        "SHA-256 of the weights": info.sha256,
        "Golden answers": "none" if difference is None else f"passed, differ by at most {difference:.6f}",
        "In use since": serving.since,
        "Chosen": _choice(),
    }


def _choice() -> str:
    try:
        choice = newest_choice()
    except DatabaseError:
        return "unknown: the database is unavailable"
    return "STARCAST_CHECKPOINT" if choice is None else f"{choice}, {choice.chosen:%Y-%m-%d %H:%M}"


def _work() -> Rows:
    return {
        "Connections": int(sample("starcast_connections")),
        "Rooms": int(sample("starcast_rooms")),
        "Watchers": int(sample("starcast_watchers")),
        "Texts waiting for the model": int(sample("starcast_waiting_texts")),
        "Time on the current batch": f"{sample('starcast_model_busy_seconds'):.1f} s",
        "Texts accepted": int(sample("starcast_texts_total")),
        "Texts skipped": int(sample("starcast_skipped_texts_total")),
        "Mean time from key to answer": _mean_ms("starcast_keystroke_to_answer_seconds"),
        "Errors sent": ", ".join(_errors()) or "none",
    }


def _feedback() -> Rows:
    limits = get_limits()
    try:
        rows, size = kept()
    except DatabaseError:
        return {"Texts kept": "unknown: the database is unavailable"}
    return {
        "Texts kept": f"{rows:,} of at most {limits.max_feedback:,}",
        "Size of the texts": f"{size / 10**6:.1f} of at most {limits.max_feedback_mb:,} MB",
        "Kept for": counted(limits.feedback_days, "day") if limits.feedback_days else "ever",
    }


def _process() -> Rows:
    started = sample("process_start_time_seconds")
    return {
        "Host": platform.node(),
        "Process": os.getpid(),
        "Started": datetime.fromtimestamp(started, UTC),
        "Uptime": timedelta(seconds=int(time.time() - started)),
        "Memory": f"{sample('process_resident_memory_bytes') / 2**20:.0f} MiB",
        "Open files": int(sample("process_open_fds")),
    }


def _mean_ms(histogram: str) -> str:
    count = sample(f"{histogram}_count")
    return f"{sample(f'{histogram}_sum') / count * 1000:.1f} ms" if count else "none yet"


def _errors() -> list[str]:
    samples = (one for family in REGISTRY.collect() for one in family.samples)
    return [
        f"{int(one.value)} {one.labels['code']} ({one.labels['transport']})"
        for one in samples
        if one.name == "starcast_errors_total" and one.value
    ]
