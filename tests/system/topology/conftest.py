"""One site for all tests that do not change it."""

from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tools.topology.services import NotInstalledError
from tools.topology.site import Site, running_site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Three servers with the fake model behind the proxy."""
    try:
        # All clients here have one address, and type as fast as they are answered.
        with running_site(
            3, STARCAST_BACKEND="fake", STARCAST_ADDRESS_FACTOR="20", STARCAST_WORK_PER_S="10000"
        ) as site:
            yield site
    except NotInstalledError as error:
        missing(str(error))
