"""Coordinates of the line charts."""

from live.pages.charts import Axes


def test_the_corners_of_the_plot_are_the_ends_of_the_axes() -> None:
    axes = Axes(x_max=2, y_max=0.5)
    assert (axes.x(0), axes.y(0)) == ("64.0", "264.0")
    assert (axes.x(2), axes.y(0.5)) == ("454.0", "12.0")


def test_a_band_runs_along_the_upper_ends_and_back_along_the_lower_ones() -> None:
    axes = Axes(x_max=1, y_max=1)
    line = axes.line("model", [(0, 0.5), (1, 0.5)], [(0.4, 0.6), (0.3, 0.7)])
    assert line.band == axes.points([(0, 0.6), (1, 0.7), (1, 0.3), (0, 0.4)])
    assert axes.line("model", [(0, 0.5)]).band == ""


def test_the_marks_of_percent_reach_the_top() -> None:
    assert [tick.label for tick in Axes(1, 0.6).percent_ticks()] == ["0%", "20%", "40%", "60%"]
