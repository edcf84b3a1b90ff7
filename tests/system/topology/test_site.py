"""The whole site keeps the protocol, and is as safe as its settings say."""

import http.cookies
import json
import re
from pathlib import Path

import httpx
import pytest
from psycopg.errors import NotNullViolation
from starcast_client.cli import main as starcast
from starcast_client.conformance.cli import main as hold_to_protocol

from tests.timing import PATIENCE_S
from tools.topology.services import wait_until
from tools.topology.site import Site

pytestmark = [pytest.mark.long, pytest.mark.ci]


def test_the_site_keeps_every_promise_of_the_protocol(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))
    status = hold_to_protocol([site.url, "--timeout", "60"])
    assert status == 0, capsys.readouterr().out


def test_the_command_line_rates_a_file_over_tls_by_a_named_ca_and_refuses_without(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    (tmp_path / "reviews.txt").write_text("A fine film\nTerrible\n")
    command = ["score", str(tmp_path / "reviews.txt"), "--url", site.url]
    assert starcast([*command, "--cafile", str(site.certificate)]) == 0
    ratings = (tmp_path / "reviews.ratings.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in ratings] == ["A fine film", "Terrible"]
    assert starcast([*command, "--output", str(tmp_path / "other.jsonl")]) == 2
    assert "certificate is not trusted" in capsys.readouterr().err


def test_its_settings_pass_the_checks_for_deployment(site: Site) -> None:
    # The made-up ratings of the tests are what no public site should have.
    site.environment["STARCAST_BACKEND"], backend = "onnx", site.environment["STARCAST_BACKEND"]
    try:
        site.manage("check", "--deploy", "--fail-level", "INFO")
    finally:
        site.environment["STARCAST_BACKEND"] = backend


def test_its_data_is_in_postgresql(site: Site) -> None:
    site.manage("apikey", "create", "reader")
    with site.postgres.connect() as connection:
        assert connection.execute("SELECT count(*) FROM live_apikey WHERE name = 'reader'").fetchone() == (1,)


def test_what_the_database_refuses_is_logged_without_the_text_in_it(site: Site) -> None:
    with site.postgres.connect() as connection, pytest.raises(NotNullViolation, match="secret words"):
        connection.execute("INSERT INTO live_feedback (text) VALUES ('secret words')")
    wait_until(lambda: "violates not-null constraint" in site.postgres.logged(), "it is not logged")
    assert "secret words" not in site.postgres.logged()


def test_its_page_comes_with_hsts_and_a_strict_policy_and_without_cookies(site: Site) -> None:
    with httpx.Client(base_url=site.url, verify=site.tls, trust_env=False, timeout=PATIENCE_S) as browser:
        page = browser.get("/")
        assert page.status_code == 200
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert "daphne" not in str(page.headers).lower()
        assert not page.cookies


def test_cookies_of_the_admin_travel_by_tls_alone_and_no_script_reads_them(site: Site) -> None:
    with httpx.Client(base_url=site.url, verify=site.tls, trust_env=False, timeout=PATIENCE_S) as browser:
        login = browser.get("/admin/login/")
    cookies = http.cookies.SimpleCookie(login.headers["Set-Cookie"])
    assert cookies
    for name, cookie in cookies.items():
        assert name.startswith("__Host-")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] in ("Lax", "Strict")


def test_the_admin_lets_in_by_password_and_slows_down_who_guesses(site: Site) -> None:
    secret = "correct horse battery"
    site.environment["DJANGO_SUPERUSER_PASSWORD"] = secret
    site.manage("createsuperuser", "--noinput", "--username", "root", "--email", "root@localhost")

    def log_in(password: str) -> int:
        with httpx.Client(base_url=site.url, verify=site.tls, trust_env=False, timeout=PATIENCE_S) as browser:
            form = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/admin/login/").text)
            assert form is not None
            fields = {"csrfmiddlewaretoken": form[1], "username": "root", "password": password}
            return browser.post("/admin/login/", data=fields, headers={"Referer": site.url}).status_code

    assert log_in(secret) == 302
    # Fewer than the proxy refuses: the servers count together, on credit for a moment each.
    assert any(log_in("a guess") == 429 for _ in range(18))
