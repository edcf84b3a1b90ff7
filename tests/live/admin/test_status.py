"""The status page of the admin."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from live.admin import status
from live.models import Feedback, ModelChoice
from model_core.fake import FakeClassifier

pytestmark = pytest.mark.django_db

PATH = "/admin/status/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("watch", is_staff=True))
    return client


def rows(client: Client) -> dict[str, str]:
    response = client.get(PATH)
    assert response.status_code == 200
    found = re.findall(r"<th scope=\"row\">(.*?)</th><td>(.*?)</td>", response.content.decode())
    return {str(name): str(value) for name, value in found}


def test_only_staff_can_open_it(staff: Client, fake: FakeClassifier) -> None:
    assert Client().get(PATH).status_code == 302
    visitor = Client()
    visitor.force_login(User.objects.create_user("visitor"))
    assert visitor.get(PATH).status_code == 302
    assert staff.get(PATH).status_code == 200
    assert staff.post(PATH).status_code == 405
    assert f'href="{PATH}"' in staff.get("/admin/").content.decode()


def test_it_names_the_model_its_golden_answers_and_what_was_chosen(staff: Client, models: Path) -> None:
    shown = rows(staff)
    assert (shown["Name"], shown["Version"], shown["Backend"]) == ("tiny", "1", "onnx")
    assert shown["Golden answers"].startswith("passed, differ by at most 0.0000")
    assert shown["Chosen"] == "STARCAST_CHECKPOINT"
    ModelChoice.objects.create(name="two", digest="0")
    assert rows(staff)["Chosen"].startswith("two, 20")


def test_it_counts_what_the_process_does(staff: Client, fake: FakeClassifier) -> None:
    shown = rows(staff)
    assert shown["Connections"] == shown["Rooms"] == shown["Texts waiting for the model"] == "0"
    assert re.fullmatch(r"\d+ MiB", shown["Memory"])
    before = len(re.findall("bad_json", shown["Errors sent"]))
    Client().post("/api/v1/predict", "{", content_type="application/json")
    assert "bad_json (http)" in rows(staff)["Errors sent"]
    assert before <= 2


def test_it_is_there_when_the_model_or_the_database_of_choices_is_not(
    staff: Client, no_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows(staff)["Problem"] == "gone"

    def away() -> None:
        raise OperationalError("locked")

    monkeypatch.setattr(status, "newest_choice", away)
    assert rows(staff)["Chosen"] == "unknown: the database is unavailable"


def test_it_shows_how_much_feedback_is_kept(staff: Client, fake: FakeClassifier) -> None:
    Feedback.objects.create(
        text="fine", size=2_500_000, stars=8, model_stars=8, expected_stars=8, probabilities=[], model_version="1"
    )
    shown = rows(staff)
    assert shown["Texts kept"] == "1 of at most 100,000"
    assert shown["Size of the texts"] == "2.5 of at most 500 MB"
    assert shown["Kept for"] == "365 days"
