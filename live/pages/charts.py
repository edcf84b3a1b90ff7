"""Line charts as SVG coordinates, drawn by the page so that they scale and follow its colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 480
HEIGHT: Final = 300
# Room for "100%" at the font size on phones.
_LEFT: Final = 64
_RIGHT: Final = 454
_TOP: Final = 12
_BOTTOM: Final = 264

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A tick of an axis. ``place`` is its SVG coordinate."""

    place: str
    label: str


@dataclass(frozen=True)
class Line:
    """One line of a chart. ``kind`` selects its style in the style sheet."""

    kind: str
    points: str
    dots: tuple[tuple[str, str], ...]
    band: str
    """Polygon of the confidence interval, or "" without one."""


@dataclass(frozen=True)
class Chart:
    """The context of the chart template. Coordinates are strings: Django would localize numbers."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    diagonal: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    bottom: int = _BOTTOM


@dataclass(frozen=True)
class Axes:
    """Maps values to SVG coordinates. Both axes start at 0 and are linear."""

    x_max: float
    y_max: float

    def x(self, value: float) -> str:
        """Return the coordinate of a value on the horizontal axis."""
        return f"{_LEFT + (_RIGHT - _LEFT) * value / self.x_max:.1f}"

    def y(self, value: float) -> str:
        """Return the coordinate of a value on the vertical axis."""
        return f"{_BOTTOM - (_BOTTOM - _TOP) * value / self.y_max:.1f}"

    def points(self, points: Sequence[Point]) -> str:
        """Return the ``points`` attribute of a polyline or polygon."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)

    def line(self, kind: str, points: Sequence[Point], interval: Sequence[Point] = ()) -> Line:
        """Return a line with dots, and with a band if ``interval`` has a (low, high) pair per point."""
        places = [x for x, _ in points]
        upper = [(x, high) for x, (_, high) in zip(places, interval, strict=False)]
        lower = [(x, low) for x, (low, _) in zip(places, interval, strict=False)]
        return Line(
            kind,
            self.points(points),
            tuple((self.x(x), self.y(y)) for x, y in points),
            self.points([*upper, *reversed(lower)]),
        )

    def percent_ticks(self, step: float = 0.2) -> tuple[Tick, ...]:
        """Return ticks of the vertical axis, in percent."""
        count = int(self.y_max / step + 1e-9)
        return tuple(Tick(self.y(i * step), f"{100 * i * step:.0f}%") for i in range(count + 1))
