"""The tables of the docs, made from what they describe.

A page asks for one between ``[[[cog tables.NAME() ]]]`` and ``[[[end]]]``; ``make tables`` writes it there.
"""

import argparse
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from live.access.prices import (
    BYTES_PER_UNIT,
    CONNECTION,
    EXPLANATION,
    FEEDBACK,
    MESSAGE,
    PAGE_MADE_ANEW,
    REQUEST,
    WATCHED,
)
from live.limits import Limits
from live.messages.errors import CLOSE_MEANINGS, ERRORS, STATUS, comes_back
from live.monitoring.metrics import REGISTRY
from model_core.options import described, range_of
from model_core.states import StateThresholds
from model_core.work import CACHED_PER_UNIT, CHARS_PER_UNIT
from project.environment import BASE_DIR, ClientLimits, EngineLimits, FromEnvironment, Model, Server
from training.config import FinetuneConfig, as_flag
from training.data import add_import_arguments


def errors() -> None:
    """Every error code, over WebSocket and HTTP."""
    _table(
        ("code", "HTTP", "retryable", "meaning"),
        (
            (f"`{code}`", str(kind.status or "–"), _yes_or_no(kind.retryable), kind.meaning)
            for code, kind in ERRORS.items()
        ),
    )


def websocket_errors() -> None:
    """The errors of the WebSocket, and the close code that may follow each."""
    _table(
        ("code", "retryable", "close code", "meaning"),
        (
            (f"`{code}`", _yes_or_no(kind.retryable), str(kind.close or "–"), kind.meaning)
            for code, kind in ERRORS.items()
            if kind.over_websocket
        ),
    )


def http_statuses() -> None:
    """The errors of HTTP by their status."""
    by_status = groupby(sorted(STATUS, key=STATUS.__getitem__), key=STATUS.__getitem__)
    _table(
        ("status", "codes"), ((str(status), ", ".join(f"`{code}`" for code in codes)) for status, codes in by_status)
    )


def prices() -> None:
    """What clients are charged, in units of work."""
    _table(
        ("what", "units"),
        (
            ("an HTTP request, but for static files, health checks and CORS preflights", str(REQUEST)),
            ("a page of a room or of the admin, besides its request", str(PAGE_MADE_ANEW)),
            ("a WebSocket message, or a text that a request has rated", str(MESSAGE)),
            (f"{BYTES_PER_UNIT:,} bytes of either", "1"),
            (f"{CHARS_PER_UNIT} characters that are tokenised: those that changed, and a few hundred around them", "1"),
            ("a token that is encoded: those that changed, and up to 15 before them", "1"),
            (f"{CACHED_PER_UNIT} tokens before them", "1"),
            ("a new WebSocket", str(CONNECTION)),
            ("an explanation", str(EXPLANATION)),
            ("a stored feedback, besides its rating", str(FEEDBACK)),
            ("for each watcher of a room: a text, a flush, an explanation, or taking the room over", str(WATCHED)),
        ),
    )


def close_codes() -> None:
    """Every close code of the WebSocket."""
    _table(
        ("code", "connect again", "meaning"),
        ((str(code), _yes_or_no(comes_back(code)), meaning) for code, meaning in CLOSE_MEANINGS.items()),
    )


def limits(*names: str) -> None:
    """The named limits, as clients know them."""
    fields = described(Limits)
    _table(
        ("limit", "default", "meaning"),
        ((f"`{name}`", f"{fields[name].default:,}", str(fields[name].description)) for name in names),
    )


def state_thresholds() -> None:
    """The thresholds between the states of a prediction."""
    _table(
        ("threshold", "default", "range", "meaning"),
        (
            (f"`{name}`", str(field.default), range_of(field), str(field.description))
            for name, field in described(StateThresholds).items()
        ),
    )


def server_settings() -> None:
    """The general settings of a server."""
    _settings(Server)


def model_settings() -> None:
    """The settings of the model."""
    _settings(Model)


def client_limits() -> None:
    """The settings that limit clients."""
    _settings(ClientLimits, with_range=True)


def engine_limits() -> None:
    """The settings that limit the engine."""
    _settings(EngineLimits, with_range=True)


def finetune_options() -> None:
    """The options of ``training.finetune``."""
    _table(
        ("option", "default", "values", "meaning"),
        (
            (
                f"`--{name.replace('_', '-')}`",
                f"`{as_flag(field.default)}`" if field.default != "" else "none",
                range_of(field) or "any",
                str(field.description),
            )
            for name, field in described(FinetuneConfig).items()
        ),
    )


def import_options() -> None:
    """The options of ``training.data import``."""
    parser = argparse.ArgumentParser(add_help=False)
    add_import_arguments(parser)
    options = [each for each in parser._actions if each.option_strings]  # noqa: SLF001 - there is no public list
    _table(
        ("option", "meaning"),
        ((f"`{each.option_strings[0]}`", f"{str(each.help) % vars(each)}.") for each in options),
    )


def metrics() -> None:
    """Every metric of our own."""
    suffixes = {"counter": "_total", "info": "_info"}
    _table(
        ("metric", "type", "meaning"),
        (
            (
                f"`{family.name}{suffixes.get(family.type, '')}`",
                family.type,
                family.documentation,
            )
            for family in REGISTRY.collect()
            if family.name.startswith("starcast_")
        ),
    )


def _settings(kind: type[FromEnvironment], with_range: bool = False) -> None:
    variables = kind.variables()
    rows = (
        (
            f"`{variables[name]}`",
            _default(field),
            *([range_of(field)] if with_range else []),
            _meaning(field, variables),
        )
        for name, field in kind.model_fields.items()
    )
    _table(("variable", "default", *(["range"] if with_range else []), "meaning"), rows)


def _meaning(field: FieldInfo, variables: Mapping[str, str]) -> str:
    return re.sub(r"`(\w+)`", lambda name: f"`{variables.get(name[1], name[1])}`", str(field.description))


def _default(field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    match extra or field.default:
        case {"default_is": str(words)}:
            return words
        case bool(yes):
            return _yes_or_no(yes)
        case Path() as path:
            return f"`{path.relative_to(BASE_DIR)}` in the project folder"
        case [*parts]:
            return f"`{','.join(parts)}`" if parts else "empty"
        case None:
            return "none"
        case value:
            return f"`{value}`" if value != "" else "empty"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *map(list, rows)]
    print("", *(f"| {' | '.join(line)} |" for line in lines), "", sep="\n")
