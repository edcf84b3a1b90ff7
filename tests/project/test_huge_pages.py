"""A server's memory is in huge pages, where the system has them."""

import os
import sys

import pytest

from project.huge_pages import restart_with_huge_pages


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], str]]:
    """What the program was replaced by, and what was set then."""
    found: list[tuple[str, list[str], str]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: found.append((path, argv, os.environ["GLIBC_TUNABLES"])))
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    monkeypatch.delenv("GLIBC_TUNABLES")
    return found


def test_it_starts_once_more_with_the_same_arguments(
    restarts: list[tuple[str, list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    restart_with_huge_pages()
    restart_with_huge_pages()
    assert restarts == [(sys.executable, sys.orig_argv, "glibc.malloc.hugetlb=1")]


@pytest.mark.parametrize(("platform", "tunables"), [("linux", ""), ("linux", "glibc.rtld.nns=4"), ("darwin", None)])
def test_it_does_not_where_they_are_set_or_there_are_none(
    restarts: list[tuple[str, list[str], str]], platform: str, tunables: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    if tunables is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", tunables)
    restart_with_huge_pages()
    assert restarts == []
