"""Links to the page in other languages."""

from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse, translate_url
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag(takes_context=True)
def other_languages(context: dict[str, Any]) -> list[dict[str, str]]:
    """Return ``code``, native ``name`` and ``url`` of each other language.

    On unknown paths (404), the URLs lead to the live page.
    """
    request = context["request"]
    path = request.path if request.resolver_match else reverse("page")
    return [
        {"code": code, "name": str(name), "url": translate_url(path, code)}
        for code, name in settings.LANGUAGES
        if code != get_language()
    ]
