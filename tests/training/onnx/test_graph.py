import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from model_core.backends.attention import rate
from model_core.backends.onnx import session_options
from tests.factories import constants, in_float, tiny_model, torch_logits, weights_of
from tests.tiny import tiny_config
from training.onnx.builder import FloatArray, GraphBuilder, quantize_rows
from training.onnx.graph import build_cached, build_plain

ARCHITECTURES: list[dict[str, Any]] = [
    {},
    {"embedding_size": 16},
    {"num_hidden_layers": 3, "num_attention_heads": 2, "layer_norm_eps": 0.1},
]
TEXTS = [(2, 3), (2, 10, 11, 12, 3), tuple(range(2, 66))]


def build(model: Any, block: int | None = None, read_tokens: int = 1) -> onnx.ModelProto:
    return build_plain(weights_of(model), model.config.to_dict(), block, read_tokens)


def reference(model: Any, ids: Sequence[int], block: int | None, read_tokens: int = 1) -> FloatArray:
    """Logits [8] of one text in PyTorch."""
    if block is None:
        return torch_logits(model, ids)
    config = tiny_config(attention="block-causal", block=block, read_tokens=read_tokens)
    with torch.inference_mode():
        return np.asarray(rate(model, [ids], pad_id=0, config=config)[0].numpy())


def run(proto: onnx.ModelProto, ids: tuple[int, ...]) -> FloatArray:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), session_options(threads=1), providers=["CPUExecutionProvider"]
    )
    [logits] = session.run(None, {"input_ids": np.array([ids], dtype=np.int64)})
    assert logits.shape == (1, 8)
    return np.asarray(logits[0])


def rounded(weights: Mapping[str, FloatArray]) -> dict[str, torch.Tensor]:
    """The weights as the graph holds them: products and word embeddings on their int8 grid."""
    grid = {}
    for name, weight in weights.items():
        if weight.ndim == 2 and not name.startswith("classifier.") and "position_" not in name and "token_" not in name:
            values, scales = quantize_rows(weight)
            grid[name] = torch.from_numpy(values.astype(np.float32) * scales[:, None])
        else:
            grid[name] = torch.from_numpy(weight)
    return grid


@pytest.mark.parametrize("block", [None, 4, 16])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_but_for_the_rounding_the_graph_computes_what_pytorch_computes(
    architecture: dict[str, Any], block: int | None
) -> None:
    model = tiny_model(**architecture)
    graph = in_float(build(model, block))
    model.load_state_dict(rounded(weights_of(model)))
    for ids in TEXTS:
        np.testing.assert_allclose(run(graph, ids), reference(model, ids, block), atol=2e-5)


@pytest.mark.parametrize("block", [None, 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_the_int8_logits_agree_with_pytorch_within_a_tenth(architecture: dict[str, Any], block: int | None) -> None:
    model = tiny_model(**architecture)
    graph = build(model, block)
    for ids in TEXTS:
        # Logits of a standard deviation of about 1; the widths of real models round off far less.
        np.testing.assert_allclose(run(graph, ids), reference(model, ids, block), atol=0.1)


def test_a_token_far_louder_than_the_others_does_not_round_them_off() -> None:
    """One activation scale for all tokens would leave the quiet ones some few of the 255 steps."""
    graph = GraphBuilder()
    weight = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    graph.op("Identity", "result", graph.linear("product", "tokens", weight))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("tokens", "result")]
    session = onnxruntime.InferenceSession(
        graph.model(ends[:1], ends[1:]).SerializeToString(), session_options(threads=1)
    )
    tokens = np.random.default_rng(1).standard_normal((1, 5, 8)).astype(np.float32)
    tokens[0, 2] *= 1000
    [result] = session.run(None, {"tokens": tokens})
    expected = tokens @ weight.T
    error = np.abs(result - expected).max(axis=2) / np.abs(expected).max(axis=2)
    assert error.max() < 0.02
    [alone] = session.run(None, {"tokens": tokens[:, :1]})
    np.testing.assert_array_equal(alone[0, 0], result[0, 0])
    assert np.isfinite(session.run(None, {"tokens": np.zeros_like(tokens)})[0]).all()


@pytest.mark.parametrize("read_tokens", [1, 3, 20])
@pytest.mark.parametrize("ids", [(2,), *TEXTS], ids=len)
def test_the_rating_is_the_mean_over_the_last_tokens(ids: tuple[int, ...], read_tokens: int) -> None:
    model = tiny_model()
    graph = in_float(build(model, 4, read_tokens))
    model.load_state_dict(rounded(weights_of(model)))
    np.testing.assert_allclose(run(graph, ids), reference(model, ids, 4, read_tokens), atol=2e-5)


def test_the_tests_can_tell_texts_and_models_apart() -> None:
    model = tiny_model()
    differences = [torch_logits(model, TEXTS[0]) - torch_logits(model, TEXTS[1])]
    differences.append(torch_logits(model, TEXTS[1]) - torch_logits(tiny_model(seed=1), TEXTS[1]))
    assert all(np.abs(difference).max() > 0.3 for difference in differences)


def test_all_products_of_the_encoder_are_in_int8() -> None:
    graph = build(tiny_model(embedding_size=16))
    arrays = constants(graph)
    products = [node for node in graph.graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(products) == 1 + 4 * 2  # the projection of the embeddings, and four a layer
    assert {arrays[node.input[1]].dtype for node in products} == {np.dtype(np.int8)}
    assert arrays["words.int8"].dtype == np.int8
    floats = sum(array.nbytes for array in arrays.values() if array.dtype == np.float32)
    assert floats < 0.5 * sum(array.nbytes for array in arrays.values())


def test_a_graph_passes_the_checker_of_onnx() -> None:
    onnx.checker.check_model(build(tiny_model()))


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"position_embedding_type": "relative_key"}], ids=str)
def test_another_architecture_is_refused(change: dict[str, Any]) -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="GELU"):
        build_plain(weights_of(model), {**model.config.to_dict(), **change})


# Keys and values kept


class Encoder:
    """Runs the cached graph; a cache is a list of [heads, tokens, head size], key and value of each layer in turn."""

    empty = [np.zeros((4, 0, 8), dtype=np.float32)] * 4

    def __init__(self, block: int) -> None:
        self.block = block
        proto = build_cached(weights_of(tiny_model()), tiny_model().config.to_dict(), block)
        onnx.checker.check_model(proto)
        proto = in_float(proto)
        self.session = onnxruntime.InferenceSession(
            proto.SerializeToString(), session_options(threads=1), providers=["CPUExecutionProvider"]
        )

    def run(self, *texts: tuple[list[FloatArray], Sequence[int]]) -> list[tuple[FloatArray, list[FloatArray]]]:
        """For each (cache, new tokens): logits [8], and the cache with the new tokens."""
        new = max(len(ids) for _, ids in texts)
        past = max(cache[0].shape[1] for cache, _ in texts)
        feed: dict[str, Any] = {
            "input_ids": np.array([[*ids, *[0] * (new - len(ids))] for _, ids in texts]),
            "new_lengths": np.array([len(ids) for _, ids in texts]),
            "past_lengths": np.array([cache[0].shape[1] for cache, _ in texts]),
        }
        names = [f"{part}.{layer}" for layer in range(2) for part in ("key", "value")]
        for number, name in enumerate(names):
            padded = np.full((len(texts), 4, past, 8), 7, dtype=np.float32)
            for row, (cache, _) in enumerate(texts):
                padded[row, :, : cache[number].shape[1]] = cache[number]
            feed[f"past_{name}"] = padded
        logits, *kept = self.session.run(["logits", *names], feed)
        return [
            (
                logits[row, len(ids) - 1],
                [np.concatenate([cache[n], kept[n][row, :, : len(ids)]], axis=1) for n in range(len(names))],
            )
            for row, (cache, ids) in enumerate(texts)
        ]

    def full_blocks(self, cache: list[FloatArray]) -> list[FloatArray]:
        end = cache[0].shape[1] // self.block * self.block
        return [part[:, :end] for part in cache]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(block=4)


@pytest.fixture(scope="module")
def plain() -> onnxruntime.InferenceSession:
    proto = in_float(build(tiny_model(), block=4))
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), session_options(threads=1), providers=["CPUExecutionProvider"]
    )


def whole(plain: onnxruntime.InferenceSession, ids: Sequence[int]) -> FloatArray:
    return np.asarray(plain.run(None, {"input_ids": np.array([ids])})[0][0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 100))
def test_piece_by_piece_equals_the_whole_text(
    encoder: Encoder, plain: onnxruntime.InferenceSession, pieces: list[int], seed: int
) -> None:
    ids = np.random.default_rng(seed).integers(5, 60, size=min(sum(pieces), 64)).tolist()
    cache = encoder.empty
    for end in itertools.accumulate(pieces):
        text = ids[:end]
        [(logits, cache)] = encoder.run((cache, text[cache[0].shape[1] :]))
        np.testing.assert_allclose(logits, whole(plain, text), atol=1e-5)
        cache = encoder.full_blocks(cache)
        if end >= 64:
            return


def test_texts_in_one_batch_do_not_touch_each_other(encoder: Encoder, plain: onnxruntime.InferenceSession) -> None:
    texts = [list(range(5, 45)), list(range(50, 57)), [9]]
    [(_, first)] = encoder.run((encoder.empty, texts[0][:24]))
    [(_, second)] = encoder.run((encoder.empty, texts[1][:4]))
    together = encoder.run((first, texts[0][24:]), (second, texts[1][4:]), (encoder.empty, texts[2]))
    for (logits, _), ids in zip(together, texts, strict=True):
        np.testing.assert_allclose(logits, whole(plain, ids), atol=1e-5)


@given(hnp.arrays(np.float32, (4, 6), elements=st.floats(-1e6, 1e6, width=32)))
def test_no_weight_is_rounded_by_more_than_half_a_step(weight: FloatArray) -> None:
    values, scales = quantize_rows(weight)
    assert values.dtype == np.int8
    assert scales.shape == (4,)
    error = np.abs(values.astype(np.float64) * scales[:, None] - weight)
    assert (error <= scales[:, None] * 0.5001 + 1e-12).all()


def test_each_row_has_a_scale_of_its_own_and_uses_the_whole_range() -> None:
    values, scales = quantize_rows(np.array([[0.5, -2.0], [0.01, 0.0025], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(scales[:2], [2 / 127, 0.01 / 127], rtol=1e-6)
    assert values.tolist() == [[32, -127], [127, 32], [0, 0]]


def test_a_built_graph_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    model = tiny_model()
    assert build(model).SerializeToString(deterministic=True) == build(model).SerializeToString(deterministic=True)
