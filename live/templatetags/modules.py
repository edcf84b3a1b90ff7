"""Preloads all modules of a page, so that the browser does not discover them import by import."""

import re
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Final

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORT: Final = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.{1,2}/[\w./-]+)["']""", re.MULTILINE)


@register.simple_tag
def preload_modules(name: str) -> SafeString:
    """Return a ``modulepreload`` link for each direct or indirect import of the static file ``name``.

    Raises FileNotFoundError if the file does not exist.
    """
    return format_html_join(
        "\n  ", '<link rel="modulepreload" href="{}">', ((static(path),) for path in imported(name))
    )


@cache
def imported(name: str) -> tuple[str, ...]:
    """Return the static files that a module imports, directly or indirectly, in source order."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        path = waiting.pop(0)
        for module in _IMPORT.findall(_source(path)):
            other = normpath(PurePosixPath(path).parent / module)
            if other != name and other not in found:
                found[other] = None
                waiting.append(other)
    return tuple(found)


def _source(path: str) -> str:
    file = finders.find(path)
    if file is None:
        raise FileNotFoundError(path)
    return Path(file).read_text(encoding="utf-8")
