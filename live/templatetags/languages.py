"""Links to a page in all its languages."""

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


@register.simple_tag(takes_context=True)
def alternates(context: dict[str, Any]) -> list[dict[str, str]]:
    """Return ``code`` and absolute ``url`` of the page in each language, and as ``x-default`` in the default language.

    Search engines ask for absolute URLs, and for all versions in each.
    """
    request = context["request"]
    codes = {code: code for code, _ in settings.LANGUAGES} | {"x-default": settings.LANGUAGE_CODE}
    return [
        {"code": name, "url": request.build_absolute_uri(translate_url(request.path, code))}
        for name, code in codes.items()
    ]
