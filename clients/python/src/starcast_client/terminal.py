"""``starcast live``: a bar for each label, and a summary, in a terminal as you type."""

import contextlib
import ssl as tls
import sys
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static, TextArea

from starcast_client.async_client import AsyncClient, State
from starcast_client.connecting import Options
from starcast_client.errors import StarcastError, TextRefused
from starcast_client.messages import LABELS, Label, LiveRating, Session

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR_CELLS = 40
_MOST_BARS = 50
_MOST_CELLS = 30
"""Of a name."""
_WITHOUT_NUMBER = {"unreadable": "Cannot read this", "no_opinion": "No opinion yet"}


def bar(share: float, cells: int = _BAR_CELLS) -> str:
    """Return a bar of block characters: ``share`` of ``cells``, to an eighth of a cell."""
    eighths = round(share * cells * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip().ljust(cells)


def draw(labels: tuple[Label, ...], probabilities: tuple[float, ...], best: Label | None = None) -> Text:
    """Return the bars, one line per label; those after the 50th share one. The label ``best`` is highlighted.

    Without one, all are dim: they say nothing.
    """
    names = [f"{label:>2} ★" if isinstance(label, int) else label for label in labels]
    rows = [(name, share, label == best) for label, name, share in zip(labels, names, probabilities, strict=True)]
    if rest := rows[_MOST_BARS:]:
        _, shares, are_best = zip(*rest, strict=True)
        rows[_MOST_BARS:] = [(f"{len(rest)} more", sum(shares), any(are_best))]
    width = min(_MOST_CELLS, max(cell_len(name) for name, *_ in rows))
    lines = Text(style="" if best is not None else "dim")
    for name, share, is_best in rows:
        lines.append(f"{set_cell_size(name, width)} {bar(share)} {share:4.0%}\n", "bold yellow" if is_best else "")
    return lines


def summary(rating: LiveRating, values: tuple[float, ...] | None = LABELS) -> str:
    """Sum a rating up in one line: what its state allows to say, and no interval of all ``values``."""
    if words_alone := _WITHOUT_NUMBER.get(rating.state or ""):
        return words_alone
    if isinstance(rating.label, str):
        words = [f"{rating.label} {max(rating.probabilities):.0%}"]
        if rating.expected_value is not None:
            words.append(f"{rating.expected_value:.3g} expected")
    else:
        words = [f"{rating.expected_stars:.1f} stars expected"]
    if rating.interval is not None and values is not None and rating.interval != (values[0], values[-1]):
        words.append("{:g} to {:g}".format(*rating.interval))
    if rating.positive is not None:
        words.append(f"{rating.positive:.0%} positive")
    side = rating.label if rating.positive is None else "positive" if rating.positive >= 0.5 else "negative"
    openings = {"either_way": "Could go either way: ", "leans": f"Leans {side}: "}
    return openings.get(rating.state or "", "") + ", ".join(words)


def standing_out(rating: LiveRating) -> Label | None:
    """Return the label whose bar is highlighted: none where the rating says nothing."""
    return None if rating.is_prior or rating.state in _WITHOUT_NUMBER else rating.label


def _invitation(labels: tuple[Label, ...]) -> str:
    return "Type a review." if labels == LABELS else "Type a text."


class LiveApp(App[int]):
    """A text field, a line of numbers, and the bars. Returns the exit status."""

    CSS = """
    #bars { height: auto; max-height: 60%; overflow-y: auto; padding: 0 1; }
    #summary { height: 1; padding: 0 1; text-style: bold; }
    #state { height: 1; padding: 0 1; color: $text-muted; }
    """
    TITLE = "Starcast"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+c", "quit", "Quit", priority=True, show=False),
        Binding("ctrl+l", "clear", "Clear", priority=True),
    ]

    def __init__(self, url: str, api_key: str | None = None, ssl: tls.SSLContext | None = None) -> None:
        super().__init__()
        self._url = url
        # The user sees why there is no connection, and decides how long to wait.
        options = Options(outage_timeout_s=None)
        self._client = AsyncClient(url, api_key=api_key, options=options, ssl=ssl, on_state=self._show_state)
        self.failure: StarcastError | None = None
        """The error that ended the program, if it was not the user."""

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield TextArea(id="review")
        yield Static(id="summary")
        yield Static(id="bars")
        yield Static(id="state")
        yield Footer()

    def on_mount(self) -> None:
        """Connect, and let the user type."""
        self.query_one(TextArea).focus()
        self._show_state(self._client.state)
        self.run_worker(self._follow(), exit_on_error=False)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Send the whole text at every change."""
        # Before the client runs and after it ends, the follower task reports errors.
        with contextlib.suppress(StarcastError):
            self._client.update(event.text_area.text)

    def action_clear(self) -> None:
        """Clear the text field."""
        self.query_one(TextArea).clear()

    async def _follow(self) -> None:
        try:
            async with self._client as client:
                if text := self.query_one(TextArea).text:
                    client.update(text)
                self._show_prior(await client.connected())
                while True:
                    try:
                        async for rating in client.predictions():
                            self._show(rating)
                    except TextRefused as error:
                        self.query_one("#summary", Static).update(Text(error.info.message))
        except StarcastError as error:
            self.failure = error
            self.exit(1)

    def _show_prior(self, session: Session) -> None:
        if session.prior:
            self.query_one("#bars", Static).update(draw(session.labels, session.prior))
            self.query_one("#summary", Static).update(_invitation(session.labels))

    def _show(self, rating: LiveRating) -> None:
        values = self._client.session.values if self._client.session else None
        words = _invitation(rating.labels) if rating.is_prior else summary(rating, values)
        # A label may look like markup.
        self.query_one("#summary", Static).update(Text(words))
        self.query_one("#bars", Static).update(draw(rating.labels, rating.probabilities, standing_out(rating)))

    def _show_state(self, state: State) -> None:
        if self.is_running:
            trouble = f" ({self._client.trouble})" if self._client.trouble else ""
            self.query_one("#state", Static).update(Text(f"{state}: {self._url}{trouble}"))


def run(url: str, api_key: str | None, ssl: tls.SSLContext | None = None) -> int:
    """Run until the user quits; return the exit status."""
    # Textual reads the one and draws on the other.
    if not all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stderr__)):
        print("starcast live: there is no terminal; to rate a file, use starcast score", file=sys.stderr)
        return 2
    app = LiveApp(url, api_key, ssl)
    status = app.run()
    if app.failure is not None:
        print(f"starcast live: {app.failure}", file=sys.stderr)
    return status or 0
