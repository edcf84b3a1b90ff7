"""API keys and feedback in the admin."""

import re
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from live.models import ApiKey, Feedback, KeyUsage
from training.data import read_reviews

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_a_new_key_is_shown_once(admin: Client) -> None:
    made = admin.post("/admin/live/apikey/add/", {"name": "reader"})
    match = re.search(r"sc_[\w-]{43}", made.content.decode())
    assert match is not None
    # Only in this page, which is not stored.
    assert "no-store" in made["Cache-Control"]
    assert match[0][11:] not in str({**made.cookies, **admin.cookies})
    record = ApiKey.objects.get()
    assert match[0].startswith(record.prefix)
    for page in ("/admin/live/apikey/", f"/admin/live/apikey/{record.pk}/change/"):
        shown = admin.get(page)
        assert shown.status_code == 200
        assert record.prefix in shown.content.decode()
        assert match[0] not in shown.content.decode()


def test_renaming_keeps_the_key(admin: Client) -> None:
    admin.post("/admin/live/apikey/add/", {"name": "reader"})
    before = ApiKey.objects.get()
    admin.post(f"/admin/live/apikey/{before.pk}/change/", {"name": "writer"})
    after = ApiKey.objects.get()
    assert (after.name, after.digest) == ("writer", before.digest)


def test_the_action_revokes(admin: Client) -> None:
    admin.post("/admin/live/apikey/add/", {"name": "reader"})
    admin.post("/admin/live/apikey/", {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]})
    assert ApiKey.objects.get().revoked is not None


def test_usage_is_shown_by_key_and_reference_and_cannot_be_entered(admin: Client) -> None:
    admin.post("/admin/live/apikey/add/", {"name": "the shop"})
    KeyUsage.objects.create(key=ApiKey.objects.get(), day="2026-11-28", reference="visitor 7", texts=34, tokens=310)
    shown = admin.get("/admin/live/keyusage/")
    assert all(words in shown.content.decode() for words in ("the shop", "visitor 7", "34", "310"))
    assert admin.get("/admin/live/keyusage/add/").status_code == 403
    assert admin.post(f"/admin/live/keyusage/{KeyUsage.objects.get().pk}/change/", {"texts": 0}).status_code == 403


def test_its_pages_may_send_forms_and_no_more_than_others(admin: Client) -> None:
    for response in (admin.get("/admin/"), Client().get("/admin/login/")):
        policy = response["Content-Security-Policy"]
        assert "form-action 'self'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_strangers_are_asked_to_log_in_and_other_pages_set_no_cookie(admin: Client) -> None:
    assert Client().get("/admin/").status_code == 302
    assert not Client().get("/healthz").cookies


def given(text: str, stars: int) -> Feedback:
    return Feedback.objects.create(
        text=text, stars=stars, model_stars=9, expected_stars=8.25, probabilities=[0.125] * 8, model_version="1"
    )


def test_feedback_is_listed_found_and_shown_as_text(admin: Client) -> None:
    scripted, other = given("<script>alert(1)</script> dull", 2), given("A fine film", 8)
    listed = admin.get("/admin/live/feedback/").content.decode()
    assert "&lt;script&gt;alert(1)" in listed
    assert "<script>alert(1)" not in listed
    assert "A fine film" in listed
    found = admin.get("/admin/live/feedback/", {"q": "dull"}).content.decode()
    assert "A fine film" not in found
    shown = admin.get(f"/admin/live/feedback/{scripted.pk}/change/").content.decode()
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert(1)" not in shown
    assert admin.get("/admin/live/feedback/add/").status_code == 403
    admin.post("/admin/live/feedback/", {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"})
    assert list(Feedback.objects.all()) == [scripted]
    # Deleted data is removed from the admin's own log too.
    assert [entry.object_repr for entry in LogEntry.objects.all()] == [f"feedback {other.pk}, 8 stars"]


def test_chosen_feedback_is_exported_as_an_archive_that_training_reads(admin: Client, tmp_path: Path) -> None:
    chosen = [given("Dull. Ещё 🎬", 2), given("A fine film", 8)]
    given("not this one", 1)
    response = admin.post(
        "/admin/live/feedback/", {"action": "export", "_selected_action": [record.pk for record in chosen]}
    )
    assert response["Content-Disposition"].startswith("attachment")
    archive = tmp_path / "feedback.tar.gz"
    archive.write_bytes(response.content)
    assert [(review.stars, review.text) for review in read_reviews(archive, "train")] == [
        (2, "Dull. Ещё 🎬"),
        (8, "A fine film"),
    ]
