import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_core.checkpoint import (
    ONNX_CACHED_FILE,
    ONNX_DATA_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
    CheckpointConfig,
    Page,
    read_config,
    sha256_of,
    verify_file,
    write_config,
)
from model_core.errors import CheckpointError
from model_core.labels import ID2LABEL, LabelSet
from tests.tiny import tiny_config

ARCHITECTURE = {"hidden_size": 32, "max_position_embeddings": 128, "id2label": {str(i): s for i, s in ID2LABEL.items()}}


def write(folder: Path, content: object) -> Path:
    (folder / "config.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def refusal(call: Callable[[], object]) -> str:
    """The message of the CheckpointError, which must be one line."""
    with pytest.raises(CheckpointError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_written_config_is_read_again(tmp_path: Path) -> None:
    config = tiny_config(sha256={"model.safetensors": "ab"}, text=2)
    write_config(tmp_path, config, ARCHITECTURE)
    assert read_config(tmp_path)[0] == config
    assert read_config(tmp_path)[1]["hidden_size"] == 32


def test_a_folder_from_elsewhere_gets_defaults(tmp_path: Path) -> None:
    config, _ = read_config(write(tmp_path, ARCHITECTURE))
    assert config == CheckpointConfig(tmp_path.name, "0", max_tokens=128, head_share=0.25, prior=(0.125,) * 8)
    assert (config.temperature_at(50), config.attention, config.text) == (1, "full", 1)


def test_eight_labels_without_names_are_taken_for_the_ratings(tmp_path: Path) -> None:
    content = {**ARCHITECTURE, "id2label": {str(index): f"LABEL_{index}" for index in range(8)}}
    assert read_config(write(tmp_path, content))[0].name == tmp_path.name


@pytest.mark.parametrize(
    "labels",
    [
        {"0": "NEGATIVE", "1": "POSITIVE"},
        {str(index): str(index + 1) for index in range(8)},
        {str(7 - index): label for index, label in ID2LABEL.items()},
        {},
    ],
    ids=["two", "other names", "other order", "none"],
)
def test_other_labels_are_refused_where_films_are_needed(tmp_path: Path, labels: dict[str, str]) -> None:
    message = refusal(lambda: read_config(write(tmp_path, {**ARCHITECTURE, "id2label": labels}), films_only=True))
    assert f"python -m training.finetune --init {tmp_path}" in message


@pytest.mark.parametrize(
    "labels",
    [
        LabelSet(("bad", "ok", "good"), "ordinal"),
        LabelSet(("1", "2", "3"), "ordinal", (1, 2, 3)),
        LabelSet(tuple(f"kind {number}" for number in range(50))),
    ],
    ids=["ordinal", "values", "nominal"],
)
def test_labels_and_page_are_in_the_config(tmp_path: Path, labels: LabelSet) -> None:
    prior = (1 / len(labels),) * len(labels)
    page = Page("Which kind?", "Ask something", ("Who was it?",), "de")
    config = tiny_config(labels=labels, prior=prior, page=page, warning="small data")
    write_config(tmp_path, config, ARCHITECTURE)
    assert read_config(tmp_path)[0] == config
    raw = json.loads((tmp_path / "config.json").read_text())
    assert raw["id2label"] == {str(index): name for index, name in enumerate(labels.names)}
    assert raw["starcast"]["task"] == labels.task
    assert raw["starcast"].get("values") == (list(labels.values) if labels.values else None)
    assert raw["starcast"]["page"]["examples"] == ["Who was it?"]
    assert "ratings" in refusal(lambda: read_config(tmp_path, films_only=True))


def test_a_classifier_from_elsewhere_has_nominal_labels(tmp_path: Path) -> None:
    content = {**ARCHITECTURE, "id2label": {"0": "NEGATIVE", "1": "POSITIVE"}}
    config, _ = read_config(write(tmp_path, content))
    assert (config.labels, config.prior) == (LabelSet(("NEGATIVE", "POSITIVE")), (0.5, 0.5))


@pytest.mark.parametrize(
    "content",
    [
        {"id2label": {"0": "a", "2": "b"}},
        {"id2label": {"0": "a", "1": "b"}, "starcast": {"task": "other"}},
        {"id2label": {"0": "a", "1": "b"}, "starcast": {"task": "ordinal", "values": 3}},
        {"id2label": {"0": "a", "1": "b"}, "starcast": {"page": {"name": "x"}}},
    ],
    ids=["a class without name", "task", "values", "page"],
)
def test_labels_that_make_no_sense_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    assert refusal(lambda: read_config(write(tmp_path, {**ARCHITECTURE, **content})))


def test_a_missing_config_is_said(tmp_path: Path) -> None:
    assert "config.json is missing" in refusal(lambda: read_config(tmp_path))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, 2]", "null", '{"id2label": ["1"]}', '{"id2label": {"a": "b"}}', {**ARCHITECTURE, "starcast": [1]}],
)
def test_a_config_that_is_none_is_refused_by_its_path(tmp_path: Path, content: object) -> None:
    assert str(tmp_path / "config.json") in refusal(lambda: read_config(write(tmp_path, content)))


@pytest.mark.parametrize(
    "entry",
    [
        {"max_tokens": 2},
        {"max_tokens": "many"},
        {"head_share": 1.5},
        {"temperature": []},
        {"temperature": 1.5},
        {"temperature": [[1, 0]]},
        {"temperature": [[0, 1]]},
        {"temperature": [[8, 1], [2, 1]]},
        {"attention": "half"},
        {"block": 0},
        {"block": 129},
        {"tail_step": 0},
        {"tail_step": 65},
        {"text": 3},
        {"prior": [0.5, 0.5]},
        {"prior": [1] * 8},
        {"prior": None},
        {"max_token": 64},
    ],
    ids=str,
)
def test_a_starcast_entry_out_of_range_or_unknown_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    assert refusal(lambda: read_config(write(tmp_path, {**ARCHITECTURE, "starcast": entry})))


def test_the_temperature_is_linear_in_the_logarithm_of_the_length() -> None:
    config = tiny_config(temperature=((2, 2.0), (8, 1.0)))
    assert [config.temperature_at(tokens) for tokens in (0, 1, 2, 4, 8, 500)] == pytest.approx([2, 2, 2, 1.5, 1, 1])


def test_more_tokens_than_the_model_has_positions_are_refused(tmp_path: Path) -> None:
    content = {**ARCHITECTURE, "starcast": {"max_tokens": 129}}
    assert "128 positions" in refusal(lambda: read_config(write(tmp_path, content)))


def test_the_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00weights" * 100_000)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"\x00weights" * 100_000).hexdigest()


def test_a_file_with_the_recorded_digest_is_let_through(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(b"weights")
    config = tiny_config(sha256={WEIGHTS_FILE: sha256_of(tmp_path / WEIGHTS_FILE)})
    assert verify_file(tmp_path, WEIGHTS_FILE, config) == tmp_path / WEIGHTS_FILE


def test_the_weights_of_a_training_run_are_let_through_without_digests(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(b"weights")
    assert verify_file(tmp_path, WEIGHTS_FILE, tiny_config()) == tmp_path / WEIGHTS_FILE


def test_a_file_that_the_digests_leave_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(b"weights")
    message = refusal(lambda: verify_file(tmp_path, WEIGHTS_FILE, tiny_config(sha256={ONNX_FILE: "0" * 64})))
    assert f"{tmp_path / WEIGHTS_FILE} has no SHA-256" in message


@pytest.mark.parametrize("name", [ONNX_FILE, ONNX_CACHED_FILE, ONNX_DATA_FILE])
def test_what_an_export_makes_is_refused_without_its_digest(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"graph")
    assert "export it again" in refusal(lambda: verify_file(tmp_path, name, tiny_config()))


def test_a_file_of_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(b"other weights")
    config = tiny_config(sha256={WEIGHTS_FILE: hashlib.sha256(b"weights").hexdigest()})
    assert "SHA-256 differs" in refusal(lambda: verify_file(tmp_path, WEIGHTS_FILE, config))


def test_a_missing_graph_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    message = refusal(lambda: verify_file(tmp_path, ONNX_FILE, tiny_config()))
    assert f"python -m training.export {tmp_path}" in message


def test_missing_weights_are_not_to_be_had_by_an_export(tmp_path: Path) -> None:
    message = refusal(lambda: verify_file(tmp_path, WEIGHTS_FILE, tiny_config()))
    assert f"{WEIGHTS_FILE} is missing" in message
    assert "training.export" not in message
