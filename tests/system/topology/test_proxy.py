"""The proxy's real configuration, in front of a server that reports the requests it gets."""

import contextlib
import json
import re
import socket
import ssl
import string
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.conftest import missing
from tests.system.topology.proxies import Proxy, proxy_before
from tests.timing import PATIENCE_S
from tools.topology import compose
from tools.topology.services import TEMPLATE, NotInstalledError, certificate, program, wait_until

BROKEN = "/api/v1/model"
BROKEN_PAGE = "/model/"


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that came, by their names in lower case; hangs up on who asks for what is ``BROKEN``."""

    protocol_version = "HTTP/1.1"
    # The body would wait for the acknowledgement of the headers.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.removeprefix("/ru").startswith((BROKEN, BROKEN_PAGE)):
            self.close_connection = True
            return
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with contextlib.ExitStack() as stack:
        backend = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        stack.callback(backend.server_close)
        thread = threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        stack.callback(thread.join)
        stack.callback(backend.shutdown)
        # Not in pytest's folders, which only root can read: the proxy's workers are another user.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="starcast-proxy-")))
        folder.chmod(0o755)
        yield stack.enter_context(proxy_before(backend.server_port, folder))


def test_it_says_itself_who_the_client_is_and_drops_what_the_client_says(proxy: Proxy) -> None:
    forged = {
        "X-Real-IP": "203.0.113.7",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "Forwarded": "for=203.0.113.7",
        "Daphne-Root-Path": "/elsewhere",
    }
    of_client = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "forwarded", "daphne-root-path"}
    with proxy.client() as client:
        for path in ("/", "/api/v1/predict", "/ws/v1/classify/", "/admin/login/"):
            came = client.get(path, headers=forged).json()
            assert came["x-real-ip"] == "127.0.0.1"
            assert came["x-forwarded-proto"] == "https"
            assert came["host"] == f"localhost:{proxy.port}"
            assert not of_client & came.keys()


def test_it_hands_an_upgrade_on_and_nothing_of_other_connections(proxy: Proxy) -> None:
    with proxy.client() as client:
        asked = client.get("/ws/v1/classify/", headers={"Connection": "Upgrade", "Upgrade": "websocket"}).json()
        plain = client.get("/").json()
    assert (asked["connection"], asked["upgrade"]) == ("upgrade", "websocket")
    assert "upgrade" not in plain
    assert "connection" not in plain


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_what_is_for_those_inside_stays_inside(proxy: Proxy, path: str) -> None:
    with proxy.client() as client:
        assert client.get(path).status_code == 404
        assert client.get("/healthz").status_code == 200


def test_large_bodies_and_headers_are_refused_before_the_server_sees_them(proxy: Proxy) -> None:
    with proxy.client() as client:
        for path in ("/api/v1/predict", "/api/v1/predict/batch"):
            assert client.post(path, content=b"a" * 1_100_000).status_code == 200
            assert client.post(path, content=b"a" * 2_200_000).status_code == 413
        assert client.get("/", headers={"X-Long": "a" * 9_000}).status_code == 400
        assert client.get("/" + "a" * 9_000).status_code == 414


def test_a_body_may_be_as_large_as_its_path_needs(proxy: Proxy) -> None:
    with proxy.client() as client:
        for path, limit in (
            ("/", 16_384),
            ("/admin/", 16_384),
            ("/ws/v1/classify/", 16_384),
            ("/api/v1/explain", 262_144),
        ):
            assert client.post(path, content=b"a" * limit).status_code == 200
            assert client.post(path, content=b"a" * (limit + 1)).status_code == 413


def test_it_answers_under_the_name_of_the_site_only_but_health_checks_under_any(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200
    with httpx.Client(base_url=proxy.http, trust_env=False, timeout=PATIENCE_S) as client:
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_it_is_reached_over_ipv6(proxy: Proxy) -> None:
    with (
        socket.create_connection(("::1", proxy.port)) as raw,
        proxy.tls.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"x-real-ip": "::1"' in answer


def test_plain_http_is_sent_to_tls_but_for_the_proof_that_a_certificate_needs(proxy: Proxy) -> None:
    proof = proxy.folder / "acme" / ".well-known" / "acme-challenge" / "token"
    proof.parent.mkdir(parents=True)
    proof.write_text("proof")
    with httpx.Client(base_url=proxy.http, trust_env=False, timeout=PATIENCE_S) as client:
        moved = client.post("/api/v1/predict?a=b", json={"text": "A film"})
        assert (moved.status_code, moved.headers["Location"]) == (308, "https://localhost/api/v1/predict?a=b")
        assert client.get("/.well-known/acme-challenge/token").text == "proof"


def test_old_versions_of_tls_are_refused(proxy: Proxy) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(proxy.folder / "fullchain.pem")
    old.set_ciphers("ALL:@SECLEVEL=0")
    # The test needs the deprecated versions.
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", proxy.port)) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize(("prefix", "language"), [("", "en"), ("/ru", "ru")])
def test_who_opens_a_page_that_the_server_cannot_answer_gets_one_in_its_language(
    proxy: Proxy, prefix: str, language: str
) -> None:
    with proxy.client() as client:
        answer = client.get(f"{prefix}{BROKEN_PAGE}")
        assert answer.status_code == 502
        assert answer.headers["Content-Type"] == "text/html"
        assert f'<html lang="{language}">' in answer.text
        assert client.get(f"/busy.{language}.html").status_code == 404


def test_programs_get_errors_of_the_proxy_as_ever(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.get(BROKEN)
    assert answer.status_code == 502
    assert "Starcast" not in answer.text


def test_guessing_passwords_is_slowed_down(proxy: Proxy) -> None:
    with proxy.client() as client:
        statuses = [client.post("/admin/login/", data={"username": "root"}).status_code for _ in range(30)]
        assert statuses[:20] == [200] * 20
        assert statuses[-1] == 429
        assert "Starcast" in client.post("/admin/login/").text
        assert client.get("/admin/login/").status_code == 200


def test_looking_at_the_login_is_bounded_like_any_page(proxy: Proxy) -> None:
    with proxy.client() as client:
        # More at once than a page takes, on a machine that answers some hundred a second.
        assert any(client.get("/admin/login/").status_code == 429 for _ in range(1_000))


def test_one_address_holds_a_bounded_number_of_connections(proxy: Proxy) -> None:
    asked = b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            raw = stack.enter_context(socket.create_connection(("localhost", proxy.port)))
            held = stack.enter_context(proxy.tls.wrap_socket(raw, server_hostname="localhost"))
            held.sendall(asked)
            # Counted, and under way until its body comes.
            assert held.recv(64).startswith(b"HTTP/1.1 100 ")
        with proxy.client() as client:
            refused = client.get("/")
            assert refused.status_code == 429
            assert "Starcast" in refused.text


@pytest.mark.long
def test_a_client_that_is_slow_with_its_headers_is_cut_off(proxy: Proxy) -> None:
    began = time.monotonic()
    with (
        socket.create_connection(("localhost", proxy.port)) as raw,
        proxy.tls.wrap_socket(raw, server_hostname="localhost") as slow,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        slow.settimeout(60)
        assert slow.recv(1) == b""
    assert time.monotonic() - began > 5


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/", "/", 200),
        ("GET", BROKEN, BROKEN, 502),
        ("GET", BROKEN_PAGE, BROKEN_PAGE, 502),
        ("POST", "/admin/login/", "/admin/login/", 429),
        ("GET", "/secret-words", "other", 200),
        ("GET", "/watch/secret-words/", "/watch/<room>/", 200),
        ("GET", "/ru/watch/secret-words/", "/watch/<room>/", 200),
        ("GET", "/ws/v1/watch/secret-words/", "/ws/v1/watch/<room>/", 200),
    ],
)
def test_what_is_asked_is_logged_without_what_may_be_text_or_opens_a_room(
    proxy: Proxy, method: str, path: str, route: str, status: int
) -> None:
    with proxy.client() as client:
        for _ in range(30):
            answer = client.request(
                method, f"{path}?text=secret-words", headers={"Referer": "https://localhost/?text=secret-words"}
            )
            if answer.status_code == status:
                break
    log = proxy.folder / "nginx.log"
    wait_until(lambda: f'"route":"{route}","status":{status}' in log.read_text(), "it is not logged")
    assert "secret-words" not in log.read_text()


def test_every_route_without_a_name_in_it_is_logged_as_itself(proxy: Proxy) -> None:
    paths = [f"/{route}" for route in routes(get_resolver().url_patterns) if not re.search(r"[<^]|^admin/", route)]
    paths += ["/ru/", "/ru/model/", "/ru/about/", "/ru/widget/"]
    assert {"/", "/model/", "/widget.js", "/api/v1/predict"} <= set(paths)
    with proxy.client() as client:
        for path in paths:
            client.get(path)
    log = proxy.folder / "nginx.log"
    wait_until(lambda: all(f'"route":"{path}"' in log.read_text() for path in paths), "one is logged as another")


def routes(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for each in patterns:
        route = f"{before}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, route)
        else:
            yield route


def test_the_configuration_needs_no_variable_that_compose_does_not_give() -> None:
    template = string.Template(TEMPLATE.read_text())
    needed = {name for name in template.get_identifiers() if name.isupper()}
    given = set(compose.environment("proxy", {})) | {"NGINX_LOCAL_RESOLVERS"}  # That one the image finds out itself.
    assert needed
    assert needed <= given


def test_the_configuration_as_compose_gives_it_is_sound(tmp_path: Path) -> None:
    try:
        cert, key = certificate(tmp_path)
        command = program("nginx")
    except NotInstalledError as error:
        missing(str(error))
    variables = compose.environment("proxy", {}) | {
        "NGINX_LOCAL_RESOLVERS": "127.0.0.11",
        "NGINX_RUN_DIR": str(tmp_path),
        "NGINX_CERTIFICATE": str(cert),
        "NGINX_CERTIFICATE_KEY": str(key),
        # Debian's version is older than the one that looks names up again and again.
        "NGINX_UPSTREAM_OF_PAGES": "server 127.0.0.1:8000;",
        "NGINX_UPSTREAM_OF_SOCKETS": "server 127.0.0.1:8000;",
    }
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(string.Template(TEMPLATE.read_text()).safe_substitute(variables))
    checked = subprocess.run(
        [command, "-t", "-e", "stderr", "-c", str(configuration)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert not re.search(r"\[(warn|error|emerg)\]", checked.stderr), checked.stderr
