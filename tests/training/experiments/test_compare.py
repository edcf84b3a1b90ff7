import json
from pathlib import Path

import pytest

from training.config import ConfigError, FinetuneConfig
from training.experiments.compare import figures_of, finetune_command, main, read_plan, table

FIGURES = {
    "accuracy": 0.512,
    "binary_accuracy": 0.93,
    "mae": 1.05,
    "nll": 1.3,
    "prefix_accuracy": 0.3333,
    "prefix_nll": 1.7,
}


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_a_variant_is_the_shared_options_and_its_own() -> None:
    command = finetune_command({"max_tokens": 32, "weighted_sampler": True}, Path("a.tar.gz"), Path("runs/a"))
    assert command == [
        *("-m", "training.finetune", "--data=a.tar.gz", "--run=runs/a"),
        *("--max-tokens=32", "--weighted-sampler=true"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must have variants"),
        ("other = 1\n[variants.a]", "other"),
        ("[variants.a]\n[averages]\nb = ['c']", "unknown variants: c"),
        ("[variants", "Expected"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_plan(write(tmp_path / "plan.toml", content))


def test_the_shipped_plan_has_valid_options() -> None:
    plan = read_plan(Path("training/experiments/configs/compare.toml"))
    assert all(FinetuneConfig(**{**plan.shared, **variant}) for variant in plan.variants.values())


def test_the_last_epoch_counts(tmp_path: Path) -> None:
    lines = [{"step": 50, "loss": 1}, {"epoch": 1, "validation": {"nll": 2}}, {"epoch": 2, "validation": {"nll": 1}}]
    write(tmp_path / "log.jsonl", "\n".join(map(json.dumps, lines)))
    assert figures_of(tmp_path) == {"nll": 1}


def test_the_table_is_markdown_with_accuracies_in_percent() -> None:
    header, _, row = table({"plain": FIGURES}).splitlines()
    assert header == "| variant | accuracy | binary_accuracy | mae | nll | prefix_accuracy | prefix_nll |"
    assert row == "| plain | 51.2 | 93.0 | 1.050 | 1.300 | 33.3 | 1.700 |"


@pytest.mark.long
def test_variants_are_trained_once_and_averaged(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = write(
        tmp_path / "plan.toml",
        f"[shared]\ninit = '{initial}'\nmax_tokens = 16\nepochs = 1\nprecision = 'fp32'\ndevice = 'cpu'\n"
        "validation_share = 0.4\nattention = 'block-causal'\n"
        "[variants.one]\n[variants.two]\nseed = 2\n[averages]\nboth = ['one', 'two']\n",
    )
    arguments = [str(plan), "--data", str(archive), "--run", str(tmp_path / "runs")]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in first.splitlines()[2:]] == ["| one", "| two", "| both"]
    written = (tmp_path / "runs" / "one" / "log.jsonl").stat().st_mtime_ns
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert (tmp_path / "runs" / "one" / "log.jsonl").stat().st_mtime_ns == written


def test_an_error_is_one_line_and_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere.toml")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
