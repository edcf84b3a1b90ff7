"""What the changelog says of a release, for the page of the release."""

import pytest

from tools.release_notes import ReleaseError, release_notes


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    changelog = "## [Unreleased]\n\n- new\n\n## [0.2.0] - 2026-12-01\n\n- two\n\n## [0.1.0] - 2026-11-25\n- one\n"
    assert release_notes("v0.2.0", "0.2.0", changelog) == "- two\n"
    assert release_notes("v0.1.0", "0.1.0", changelog) == "- one\n"


@pytest.mark.parametrize(
    ("tag", "version", "changelog"),
    [
        ("v0.3.0", "0.2.0", "## [0.3.0] - 2026-12-01\n"),
        ("0.2.0", "0.2.0", "## [0.2.0] - 2026-12-01\n"),
        ("v0.2.0", "0.2.0", "## [Unreleased]\n"),
        ("v0.2.0", "0.2.0", "## [0.2.0]\n"),
    ],
    ids=["another version", "no tag of a version", "not in the changelog", "without a date"],
)
def test_a_tag_that_does_not_fit_is_not_released(tag: str, version: str, changelog: str) -> None:
    with pytest.raises(ReleaseError):
        release_notes(tag, version, changelog)
