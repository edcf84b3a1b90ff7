"""Line charts as SVG coordinates: drawn by the page itself, they are sharp at any size and take its colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 480
HEIGHT: Final = 300
# Room for "100%" at the size that letters have on a phone.
_LEFT: Final = 64
_RIGHT: Final = 454
_TOP: Final = 12
_BOTTOM: Final = 264

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A mark of an axis; ``place`` is a coordinate."""

    place: str
    label: str


@dataclass(frozen=True)
class Line:
    """One line of a chart. ``kind`` is what the style sheet knows it by."""

    kind: str
    points: str
    dots: tuple[tuple[str, str], ...]
    band: str
    """The polygon of its interval, empty where it has none."""


@dataclass(frozen=True)
class Chart:
    """What a template needs to draw one. Coordinates are text: numbers would be written in the reader's language."""

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
    """Where a value stands in the picture. Both axes begin at 0 and are linear."""

    x_max: float
    y_max: float

    def x(self, value: float) -> str:
        """Coordinate of a value of the horizontal axis."""
        return f"{_LEFT + (_RIGHT - _LEFT) * value / self.x_max:.1f}"

    def y(self, value: float) -> str:
        """Coordinate of a value of the vertical axis."""
        return f"{_BOTTOM - (_BOTTOM - _TOP) * value / self.y_max:.1f}"

    def points(self, points: Sequence[Point]) -> str:
        """The ``points`` attribute of a polyline or a polygon."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)

    def line(self, kind: str, points: Sequence[Point], interval: Sequence[Point] = ()) -> Line:
        """A line through points, with dots, and with a band where a low and a high value is given for each."""
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
        """Marks of the vertical axis, in percent."""
        count = int(self.y_max / step + 1e-9)
        return tuple(Tick(self.y(i * step), f"{100 * i * step:.0f}%") for i in range(count + 1))
