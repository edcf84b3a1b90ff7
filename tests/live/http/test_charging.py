"""Every request is charged to its address, and descriptions are made once."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

from live.access.admissions import Admissions
from live.access.prices import BYTES_PER_UNIT, PAGE_MADE_ANEW, REQUEST
from live.access.token_buckets import TokenBucket
from live.http import charging
from model_core.errors import Overloaded
from model_core.scheduling.background_jobs import BackgroundJobs
from tests.classifiers import ControlledClassifier

PAGES = ("/", "/ru/", "/model/", "/about/", "/widget/", "/api/socket")
DESCRIPTIONS = ("/api/openapi.json", "/api/asyncapi.json")


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch, fake: ControlledClassifier, settings: SimpleNamespace) -> int:
    """Give each address units of work that are never refilled. Return how many."""
    settings.STARCAST_LIMITS = {
        **settings.STARCAST_LIMITS,
        "work_per_s": 1,
        "work_burst": 8 * REQUEST,
        "address_factor": 1,
    }
    monkeypatch.setattr("live.access.token_buckets.time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr("live.http.charging.admissions", Admissions(lambda _, *rate: TokenBucket(*rate)))
    return 8 * REQUEST


@pytest.mark.parametrize("path", ["/about/", "/nowhere/", "/widget.js", "/static/none.js"])
def test_pages_and_unknown_paths_are_charged_and_beyond_the_rate_one_is_told_when_to_come_back(
    budget: int, path: str
) -> None:
    statuses = [Client().get(path).status_code for _ in range(budget // REQUEST)]
    assert 429 not in statuses
    refused = Client().get(path)
    assert (refused.status_code, refused["Retry-After"]) == (429, str(REQUEST))
    assert "<h1>Too many requests" in refused.content.decode()
    assert '<html lang="ru">' in Client().get(f"/ru{path}").content.decode()
    assert Client(REMOTE_ADDR="192.0.2.7").get(path).status_code == statuses[0]


@pytest.mark.parametrize("path", [*DESCRIPTIONS, "/api/v1/nowhere", "/api/nowhere"])
def test_descriptions_and_unknown_paths_of_the_api_are_charged_and_refused_by_an_error_object(
    budget: int, path: str
) -> None:
    statuses = {Client().get(path).status_code for _ in range(budget // REQUEST)}
    assert 429 not in statuses
    refused = Client().get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")


@pytest.mark.parametrize("path", ["/watch/none/", "/ru/watch/none/", "/admin/none/"])
def test_pages_that_are_made_anew_cost_more(budget: int, path: str) -> None:
    statuses = [Client().get(path).status_code for _ in range(budget // (REQUEST + PAGE_MADE_ANEW) + 1)]
    assert [status == 429 for status in statuses] == [False] * (len(statuses) - 1) + [True]


def test_a_body_costs_its_bytes_before_anything_is_done_with_them(budget: int) -> None:
    def ask(size: int) -> int:
        return Client().post("/api/v1/tokens", b'"' + b"a" * size + b'"', content_type="application/json").status_code

    assert [ask(150 * BYTES_PER_UNIT), ask(150 * BYTES_PER_UNIT)] == [400, 429]
    assert ask(100) == 400


@pytest.mark.parametrize(
    ("path", "body"), [("/api/v1/explain", {"text": "fine"}), ("/api/v1/predict/batch", {"texts": ["fine"] * 8})]
)
def test_background_work_that_is_refused_costs_its_message_only(
    budget: int, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, object]
) -> None:
    async def refuse(_: BackgroundJobs, group: str) -> None:
        raise Overloaded("many wait", 1)

    monkeypatch.setattr(BackgroundJobs, "_enter", refuse)
    for _ in range(4):
        assert Client().post(path, body, content_type="application/json").status_code == 503
    (bucket,) = vars(charging)["admissions"]._buckets.values()
    assert isinstance(bucket, TokenBucket)
    assert bucket._tokens == budget - 4 * REQUEST


@pytest.mark.django_db
def test_a_refused_login_is_charged_as_other_requests(budget: int) -> None:
    answers = [Client().post("/admin/login/") for _ in range(budget // REQUEST + 1)]
    assert {answer.status_code for answer in answers[-2:]} == {429}
    assert b"Too many attempts" not in answers[-1].content


@pytest.mark.parametrize("path", ["/healthz", "/static/page.css"])
def test_health_checks_and_static_files_are_free(
    budget: int, settings: SimpleNamespace, tmp_path: Path, path: str
) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "page.css").touch()
    assert {Client().get(path).status_code for _ in range(budget // REQUEST + 1)} == {200}


@pytest.mark.parametrize("path", [*DESCRIPTIONS, *PAGES])
def test_a_page_or_description_is_made_once_and_not_sent_to_who_has_it(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    first = Client().get(path)
    assert first.status_code == 200

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("live.http.openapi.Api.get_openapi_schema", fail)
    monkeypatch.setattr("live.pages.views.describe", fail)
    monkeypatch.setattr("live.pages.views.render", fail)
    assert Client().get(path).content == first.content
    # A client may choose any port.
    other = Client().get(path, headers={"Host": "testserver:8123"})
    assert other.content == first.content.replace(b"//testserver", b"//testserver:8123").replace(
        b'"host": "testserver"', b'"host": "testserver:8123"'
    )
    again = Client().get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_each_language_has_pages_of_its_own(fake: ControlledClassifier) -> None:
    for language, path in (("en", "/about/"), ("ru", "/ru/about/")) * 2:
        assert f'<html lang="{language}"' in Client().get(path).content.decode()


def test_a_description_names_the_host_it_was_asked_of(fake: ControlledClassifier, settings: SimpleNamespace) -> None:
    settings.ALLOWED_HOSTS = ["one.example", "two.example"]
    for host in settings.ALLOWED_HOSTS * 2:
        document = Client().get("/api/asyncapi.json", headers={"Host": host}).json()
        assert document["servers"]["this"]["host"] == host
