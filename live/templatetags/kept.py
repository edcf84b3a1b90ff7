"""What stands in a page more than once."""

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_block_tag
def kept(content: SafeString) -> SafeString:
    """Return what is between the tags: ``{% kept as name %}`` keeps it as ``name``, to be written again."""
    return content
