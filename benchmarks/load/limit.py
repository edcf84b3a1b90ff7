"""Finds the maximum number of typists of a server: doubling until it fails, then bisection."""

from collections.abc import Callable


def find_limit(bears: Callable[[int], bool], most: int, resolution: float = 0.05) -> int:
    """Return the largest number of typists, up to ``most``, for which ``bears`` was true; 0 if none.

    Each call of ``bears`` is a separate run. The search ends when the smallest failing number is at most ``resolution``
    above: repeated runs differ by as much.
    """
    borne, failed = 0, None
    typists = 1
    while failed is None and borne < most:
        if bears(typists):
            borne, typists = typists, min(2 * typists, most)
        else:
            failed = typists
    while failed is not None and failed - borne > max(1, resolution * borne):
        middle = (borne + failed) // 2
        if bears(middle):
            borne = middle
        else:
            failed = middle
    return borne
