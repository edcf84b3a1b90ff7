"""Which pages may connect."""

import pytest

from live.access.origin import origin_allowed

HOSTS = ["localhost", ".example.com"]


def allowed(origin: bytes | None, host: bytes = b"localhost:8000", extra: tuple[str, ...] = ()) -> bool:
    headers = [(b"host", host), *([(b"origin", origin)] if origin is not None else [])]
    return origin_allowed(headers, HOSTS, extra)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (b"http://localhost:8000", b"localhost:8000"),
        (b"https://www.example.com", b"www.example.com"),
        (b"https://www.example.com", b"www.example.com:443"),
        (b"http://www.example.com:80", b"WWW.example.com"),
        (None, b"localhost:8000"),
    ],
)
def test_the_own_page_and_clients_without_an_origin_may_connect(origin: bytes | None, host: bytes) -> None:
    assert allowed(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (b"https://evil.example", b"localhost:8000"),
        (b"http://localhost:9000", b"localhost:8000"),
        (b"https://other.example.com", b"www.example.com"),
        (b"https://evil.example", b"evil.example"),
        (b"http://[", b"localhost:8000"),
        (b"http://localhost:port", b"localhost:8000"),
        (b"null", b"localhost:8000"),
        (b"", b"localhost:8000"),
        (b"localhost:8000", b"localhost:8000"),
        (b"file://localhost:8000", b"localhost:8000"),
        (b"\xff\xfe", b"localhost:8000"),
        (b"http://localhost:8000", b""),
        (b"http://localhost:8000.evil.example", b"localhost:8000"),
    ],
)
def test_foreign_and_malformed_origins_may_not(origin: bytes, host: bytes) -> None:
    assert not allowed(origin, host)


def test_named_origins_may_connect() -> None:
    assert allowed(b"https://reviews.example", extra=("https://reviews.example",))
