"""``manage.py apikey``."""

import io

import pytest
from django.core.management import CommandError, call_command

from live.models import ApiKey

pytestmark = pytest.mark.django_db


def apikey(*arguments: str) -> str:
    output = io.StringIO()
    call_command("apikey", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def test_a_key_is_printed_once_and_listed_by_its_prefix() -> None:
    key = apikey("create", "the reader").strip()
    assert key.startswith("sc_")
    listed = apikey("list")
    assert key[:11] in listed
    assert "the reader" in listed
    assert "never" in listed
    assert key not in listed


def test_revoking_is_said_and_shown() -> None:
    key = apikey("create", "reader").strip()
    assert key[:11] in apikey("revoke", key[:11])
    assert ApiKey.objects.get().revoked is not None
    with pytest.raises(CommandError, match="already revoked"):
        apikey("revoke", key[:11])


def test_a_whole_key_is_taken_and_not_repeated() -> None:
    key = apikey("create", "reader").strip()
    said = apikey("revoke", key)
    assert key[:11] in said
    assert key not in said
    for whole in (key, key[:3] + key[3:].swapcase()):
        with pytest.raises(CommandError) as refused:
            apikey("revoke", whole)
        assert whole not in str(refused.value)


def test_an_unknown_prefix_and_a_useless_name_are_one_line() -> None:
    with pytest.raises(CommandError, match="sc_none"):
        apikey("revoke", "sc_none")
    with pytest.raises(CommandError, match="100"):
        apikey("create", "n" * 101)
