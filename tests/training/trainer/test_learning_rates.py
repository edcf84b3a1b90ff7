"""Learning rates: over the course of a run, and of each parameter."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import tiny_model
from training.config import FinetuneConfig
from training.finetune import parameter_groups, schedule


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_the_schedule_stays_between_zero_and_the_peak(share: float, warmup_share: float) -> None:
    assert 0 <= schedule(share, warmup_share) <= 1 + 1e-9


def test_the_schedule_rises_to_its_peak_and_falls_to_zero() -> None:
    shares = [step / 100 for step in range(101)]
    rates = [schedule(share, 0.1) for share in shares]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[0] > 0
    assert rates[10] == pytest.approx(1)
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == 0
    assert schedule(0, 0) == 1


def test_every_parameter_is_in_one_group() -> None:
    model = tiny_model()
    grouped = [id(parameter) for group in groups_of(model) for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters())


def test_learning_rates_fall_from_the_head_to_the_embeddings() -> None:
    model = tiny_model(embedding_size=16)
    rates = rates_by_name(model, groups_of(model, learning_rate=1e-3, layer_decay=0.5))
    assert rates["classifier.out_proj.weight"] == rates["classifier.dense.bias"] == 1e-3
    assert rates["electra.encoder.layer.1.output.dense.weight"] == pytest.approx(5e-4)
    assert rates["electra.encoder.layer.0.attention.self.query.bias"] == pytest.approx(2.5e-4)
    assert rates["electra.embeddings.word_embeddings.weight"] == pytest.approx(1.25e-4)
    assert rates["electra.embeddings_project.weight"] == pytest.approx(1.25e-4)


def test_norms_and_biases_do_not_decay() -> None:
    for group in groups_of(tiny_model(), weight_decay=0.02):
        dimensions = {parameter.ndim for parameter in group["params"]}
        assert (dimensions, group["weight_decay"]) in [({1}, 0.0), ({2}, 0.02)]


def groups_of(model: Any, **options: Any) -> list[dict[str, Any]]:
    return parameter_groups(model, FinetuneConfig(**options))


def rates_by_name(model: torch.nn.Module, groups: Iterable[dict[str, Any]]) -> dict[str, float]:
    rates = {id(parameter): group["peak_lr"] for group in groups for parameter in group["params"]}
    return {name: rates[id(parameter)] for name, parameter in model.named_parameters()}
