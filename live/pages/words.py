"""The words of the scripts, in the language of the page."""

import json
from typing import Any, Final

from django.http import HttpResponse
from django.views.i18n import JavaScriptCatalog

_SCRIPT: Final = """{{
const words = {words};
const form = (n) => Number({plural});
globalThis.django = {{
  gettext: (text) => words[text] ?? text,
  ngettext: (one, many, n) => (words[one] ?? [one, many])[form(n)],
}};
}}
"""


class Words(JavaScriptCatalog):
    """Django's catalog without what no script here uses, such as formats of dates: a third of the bytes."""

    def render_to_response(self, context: dict[str, Any], **_: Any) -> HttpResponse:
        """Return the script that ``i18n.js`` reads."""
        words = json.dumps(context["catalog"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        script = _SCRIPT.format(words=words, plural=context["plural"] or "n !== 1")
        return HttpResponse(script, "text/javascript; charset=utf-8")
