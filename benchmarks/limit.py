"""How many typists a server bears: doubling until it fails, then bisection."""

from collections.abc import Callable


def find_limit(bears: Callable[[int], bool], most: int, resolution: float = 0.05) -> int:
    """Return the largest number of typists, up to ``most``, that the server was seen to bear; 0 for none.

    Each call of ``bears`` is a run of its own. The search ends when the next number known to fail is no more than
    ``resolution`` above: two runs of one number differ by as much.
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
