"""Firefox and WebKit rate what is typed, composed, undone, reloaded and gone back to, and leave the field alone."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model_core.fake import FakeClassifier
from tests.browser.engines import ENGINES, Engine
from tests.timing import PATIENCE_S
from tools.servers import RunningServer

pytestmark = [pytest.mark.long, pytest.mark.ci]

FIELD = "document.getElementById('review')"
STATE = """({
    text: document.getElementById('review').value,
    state: document.getElementById('freshness').dataset.state,
    bars: [...document.querySelectorAll('[role=meter]')].map(({ dataset }) => Number(dataset.probability)),
})"""
# What an input method does to a field: text without a key, and events that say that it is not final. Whatever else
# writes to the field, or moves its caret or the focus, is noted.
COMPOSE = """words => {
    const field = document.getElementById('review');
    field.focus();
    const write = field.setRangeText.bind(field);
    window.touched = [];
    for (const name of ['value', 'selectionStart', 'selectionEnd']) {
        const { get, set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, name);
        Object.defineProperty(field, name, {
            get, configurable: true,
            set(value) { window.touched.push(name); set.call(this, value); },
        });
    }
    for (const name of ['setRangeText', 'setSelectionRange', 'select', 'blur']) {
        const before = field[name];
        field[name] = (...args) => { window.touched.push(name); return before.apply(field, args); };
    }
    field.dispatchEvent(new CompositionEvent('compositionstart', { data: '' }));
    const rest = field.value;
    for (const word of words) {
        write(word, rest.length, field.value.length, 'end');
        field.dispatchEvent(new CompositionEvent('compositionupdate', { data: word }));
        field.dispatchEvent(new InputEvent('input',
            { data: word, inputType: 'insertCompositionText', isComposing: true, bubbles: true }));
    }
    return field.value;
}"""


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


def wait_until(ask: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE_S
    while not (found := ask()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def rated_text(engine: Engine) -> str:
    """Wait until the bars are for the text in the field, and check each; return the text."""

    def fresh() -> Any:
        # While a page loads there is nothing to ask.
        shown = engine.evaluate(f"document.getElementById('freshness') && {STATE}")
        return shown if shown and shown["state"] in {"fresh", "prior"} else None

    def matching() -> Any:
        shown = wait_until(fresh)
        (rating,) = FakeClassifier().classify([shown["text"]])
        return shown if shown["bars"] == pytest.approx(list(rating.probabilities), abs=1e-5) else None

    return str(wait_until(matching)["text"])


def write(engine: Engine, server: RunningServer, text: str) -> None:
    engine.goto(server.http)
    wait_until(lambda: engine.evaluate("document.documentElement.dataset.shownSeq") is not None)
    engine.evaluate(f"({FIELD}.focus(), {FIELD}.select(), null)")
    engine.press(text)


def test_keys_are_rated_and_an_undo_too(engine: Engine, fake_server: RunningServer) -> None:
    write(engine, fake_server, "A fine film, sadly dull")
    assert rated_text(engine) == "A fine film, sadly dull"
    engine.undo()
    wait_until(lambda: engine.evaluate(f"{FIELD}.value") != "A fine film, sadly dull")
    assert rated_text(engine) != "A fine film, sadly dull"


def test_a_text_in_composition_is_rated_and_the_field_not_touched(engine: Engine, fake_server: RunningServer) -> None:
    write(engine, fake_server, "Quite a ")
    composed = engine.evaluate(f"({COMPOSE})(['w', 'wo', 'won', 'wonderful'])")
    assert composed == "Quite a wonderful"
    assert rated_text(engine) == "Quite a wonderful"
    assert engine.evaluate("window.touched") == []
    assert engine.evaluate(f"{FIELD}.selectionStart") == len(composed)


def test_after_a_reload_and_after_going_back_the_bars_are_for_the_visible_text(
    engine: Engine, fake_server: RunningServer
) -> None:
    write(engine, fake_server, "A warm and funny film")
    assert rated_text(engine) == "A warm and funny film"
    engine.reload()
    rated_text(engine)
    write(engine, fake_server, "Dull and endless")
    rated_text(engine)
    engine.goto(f"{fake_server.http}/about/")
    engine.back()
    wait_until(lambda: engine.evaluate("location.pathname") == "/")
    rated_text(engine)
