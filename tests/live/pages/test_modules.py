"""The modules that a page preloads."""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from live.templatetags.modules import imported


@pytest.mark.parametrize(
    ("path", "entry"), [("/", "live-page"), ("/ru/", "live-page"), ("/watch/some-room/", "watch/watch-page")]
)
def test_a_page_names_every_module_that_its_script_needs(path: str, entry: str) -> None:
    html = Client().get(path).content.decode()
    named = re.findall(r'rel="modulepreload" href="/static/(live/[^"]+)"', html)
    assert f'src="/static/live/{entry}.js"' in html
    assert len(named) == len(set(named)) > 5
    for name in (f"live/{entry}.js", *named):
        # As a browser reads it: without comments, which name modules for their types, what follows "from" on any line.
        source = re.sub(r"/\*.*?\*/", "", Path(str(finders.find(name))).read_text(), flags=re.DOTALL)
        modules = re.findall(r'\bfrom "(\.[^"]+)"', source)
        needed = {normpath(PurePosixPath(name).parent / module) for module in modules}
        assert needed - {f"live/{entry}.js"} <= set(named), name


def test_modules_loaded_on_demand_are_not_preloaded() -> None:
    assert "live/share/link-fragment.js" not in imported("live/live-page.js")


def test_a_module_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        imported("live/no-such.js")
