"""Names all modules of a page at once: a browser that learns of them import by import fetches one after another."""

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
    """A ``modulepreload`` link for each module that the static file ``name`` imports, and that those import.

    Raises FileNotFoundError where there is no such file.
    """
    return format_html_join(
        "\n  ", '<link rel="modulepreload" href="{}">', ((static(path),) for path in imported(name))
    )


@cache
def imported(name: str) -> tuple[str, ...]:
    """The static files that a module needs before it runs, itself left out, as they come in its source."""
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
