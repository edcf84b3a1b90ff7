import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_core.backends.onnx import OnnxBackend
from model_core.backends.onnx_cached import CachedOnnxBackend, _batches, _cost, _Job, _Sessions
from model_core.cache import EncoderCache, FloatArray
from model_core.checkpoint import ONNX_CACHED_FILE, ONNX_FILE, ONNX_STEPS_FILE, read_config
from model_core.classifier import TextClassifier, Variant, Variants
from model_core.fake import FAKE_INFO
from model_core.tokenizer import TextTokenizer
from tests.factories import in_float, tiny_model, weights_of, write_tuned
from tests.tiny import TINY_TOKENS, tiny_config, tiny_tokenizer
from training.export import export
from training.onnx.graph import build_cached

BLOCK = 4
READ_TOKENS = 3
ROUNDING = 0.01
"""A float that rounds to another int8 value in its last bit moves logits by about a thousandth."""
IDS = list(range(5, 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_config(attention="block-causal", block=BLOCK, read_tokens=READ_TOKENS, tail_step=16)
    tuned = write_tuned(tmp_path_factory.mktemp("checkpoints") / "causal", config=config)
    export(tuned, tuned)
    return tuned


@pytest.fixture(scope="module")
def plain(folder: Path) -> OnnxBackend:
    return OnnxBackend(folder / ONNX_FILE, threads=1)


@pytest.fixture
def backend(folder: Path) -> CachedOnnxBackend:
    return CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=1, cache_bytes=10**9)


def in_steps(folder: Path, step: int, threads: int = 2) -> CachedOnnxBackend:
    """A backend that encodes up to ``step`` tokens of a long text in one pass."""
    graphs = folder / ONNX_CACHED_FILE, folder / ONNX_STEPS_FILE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model_core.backends.onnx_cached._STEP_TOKENS", step)
        return CachedOnnxBackend(graphs[0], BLOCK, READ_TOKENS, threads, cache_bytes=10**9, steps=graphs[1])


@pytest.fixture(scope="module")
def typist_and_fresh(folder: Path) -> tuple[TextClassifier, TextClassifier]:
    """Two classifiers in float32, where rounding to int8 hides nothing; each remembers what it rated itself."""
    model = tiny_model()
    path = folder / "float.onnx"
    onnx.save(in_float(build_cached(weights_of(model), model.config.to_dict(), BLOCK)), path)
    config, _ = read_config(folder)
    tokenizer = TextTokenizer.for_config(tiny_tokenizer(), config)

    def load() -> TextClassifier:
        return TextClassifier(
            FAKE_INFO, tokenizer, CachedOnnxBackend(path, BLOCK, READ_TOKENS, threads=1, cache_bytes=10**9)
        )

    return load(), load()


def test_without_caches_it_rates_as_the_plain_graph(backend: CachedOnnxBackend, plain: OnnxBackend) -> None:
    texts = [(2, 7), (2, *IDS), (2, 10, 11, 12), (2, *IDS[:20]), (2, 7)]
    np.testing.assert_allclose(backend.logits(texts), plain.logits(texts), atol=ROUNDING)


def test_typing_token_by_token_equals_rating_each_text_whole(backend: CachedOnnxBackend, plain: OnnxBackend) -> None:
    cache = EncoderCache()
    for end in range(1, len(IDS)):
        text = (2, *IDS[:end])
        np.testing.assert_allclose(backend.logits([text], [cache]), plain.logits([text]), atol=ROUNDING)
        assert len(cache.input_ids) == len(text) // BLOCK * BLOCK
        assert cache.input_ids == text[: len(cache.input_ids)]


def test_only_new_tokens_are_encoded_block_by_block(
    backend: CachedOnnxBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[int, int]] = []
    run = backend._run

    def noted(batch: Sequence[_Job], sessions: _Sessions) -> FloatArray:
        encoded.append((len(batch), max(job.new for job in batch)))
        return run(batch, sessions)

    monkeypatch.setattr(backend, "_run", noted)
    cache = EncoderCache()
    for text in ((2, *IDS[:21]), (2, *IDS[:22]), (2, *IDS[:22], 5), (2, 9, *IDS[1:22])):
        backend.logits([text], [cache])
    assert encoded == [*[(1, 4)] * 5, (1, 2), (1, 3), (1, 4), *[(1, 4)] * 5, (1, 3)]


def test_pasted_or_typed_a_text_has_the_same_numbers_to_the_last_bit(backend: CachedOnnxBackend) -> None:
    for count in (0, 6, 7, 8, 9, 30, 50):
        cache = EncoderCache()
        for end in range(count + 1):
            typed = backend.logits([(2, *IDS[:end])], [cache])
        np.testing.assert_array_equal(backend.logits([(2, *IDS[:count])]), typed)


@pytest.mark.parametrize("step", [3, 8, 12, 128])
def test_in_steps_a_text_has_the_numbers_of_block_by_block_to_the_last_bit(
    folder: Path, backend: CachedOnnxBackend, step: int
) -> None:
    stepping = in_steps(folder, step)
    rng = np.random.default_rng(step)
    texts = [(2, *rng.integers(5, 60, size).tolist()) for size in (1, 6, 7, 8, 9, 15, 16, 17, 40, 55)]
    for text in texts:
        cache = EncoderCache()
        np.testing.assert_array_equal(stepping.logits([text], [cache]), backend.logits([text]))
        changed = (*text[: len(text) // 2], *rng.integers(5, 60, 30).tolist())[:60]
        [advanced] = stepping.advance([changed], [cache], 10)
        assert (advanced > 0) == (len(changed) - 1 - len(text) // 2 // BLOCK * BLOCK >= BLOCK)
        np.testing.assert_array_equal(stepping.logits([changed], [cache]), backend.logits([changed]))
    # ONNX Runtime multiplies a single row in another order than several.
    alone = np.concatenate([backend.logits([text]) for text in texts])
    np.testing.assert_allclose(stepping.logits(texts), alone, atol=1e-5)


def test_many_typists_in_one_batch_do_not_touch_each_other(backend: CachedOnnxBackend, plain: OnnxBackend) -> None:
    rng = np.random.default_rng(0)
    texts = [(2, *rng.integers(5, 60, size).tolist()) for size in rng.integers(1, 50, 40)]
    caches = [EncoderCache() if number % 5 else None for number in range(40)]
    for growth in (0, 1, 3, 6):
        longer = [(*text, *IDS[:growth]) for text in texts]
        np.testing.assert_allclose(backend.logits(longer, caches), plain.logits(longer), atol=ROUNDING)


def test_batches_side_by_side_give_each_text_its_own_numbers(folder: Path, plain: OnnxBackend) -> None:
    backend = CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=3, cache_bytes=10**9)
    caches = [EncoderCache() for _ in range(9)]
    for end in (3, 9, 10, 30):
        texts = [(2, *IDS[row : row + end + row]) for row in range(9)]
        np.testing.assert_allclose(backend.logits(texts, caches), plain.logits(texts), atol=ROUNDING)


@given(
    st.lists(st.tuples(st.integers(1, 16), st.integers(0, 30)), min_size=1, max_size=7),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_no_other_grouping_of_texts_by_size_costs_less(
    sizes: list[tuple[int, int]], threads: int, random: Random
) -> None:
    jobs = [
        _Job(row, (7,) * (new + 16 * blocks), EncoderCache(), new + 16 * blocks, shared=16 * blocks)
        for row, (new, blocks) in enumerate(sizes)
    ]

    def cost(batch: list[_Job]) -> float:
        return _cost(len(batch), max(job.new for job in batch), max(job.past for job in batch))

    batches = _batches(random.sample(jobs, len(jobs)), threads)
    assert sorted(job.row for batch in batches for job in batch) == list(range(len(jobs)))
    assert [cost(batch) for batch in batches] == sorted(map(cost, batches), reverse=True)
    assert len(batches) >= min(threads, len(jobs))
    share = sum(cost([job]) - _cost(0, 0, 0) for job in jobs) / threads
    jobs.sort(key=lambda job: (job.new, job.past))
    for cuts in range(2 ** (len(jobs) - 1)):
        ends = [at for at in range(1, len(jobs)) if cuts >> (at - 1) & 1]
        other = [jobs[begin:end] for begin, end in zip([0, *ends], [*ends, len(jobs)], strict=True)]
        if all(len(batch) == 1 or cost(batch) - _cost(0, 0, 0) <= share for batch in other):
            assert sum(map(cost, batches)) <= sum(map(cost, other)) + 1e-9


def test_an_error_comes_only_after_all_batches_are_done_with_their_caches(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=2, cache_bytes=10**9)
    run, failed, done = CachedOnnxBackend._run, threading.Event(), threading.Event()

    def slow_or_failing(self: CachedOnnxBackend, batch: list[Any], sessions: _Sessions) -> FloatArray:
        if batch[0].new < 3:
            failed.set()
            raise RuntimeError("no such product")
        assert failed.wait(60)
        logits = run(self, batch, sessions)
        done.set()
        return logits

    monkeypatch.setattr(CachedOnnxBackend, "_run", slow_or_failing)
    with pytest.raises(RuntimeError, match="no such product"):
        backend.logits([(2, 7), (2, *IDS[:20])])
    assert done.is_set()


def test_a_cache_emptied_by_the_budget_costs_time_and_nothing_else(folder: Path, plain: OnnxBackend) -> None:
    backend = CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=1, cache_bytes=20_000)
    caches = [EncoderCache() for _ in range(3)]
    emptied = 0
    for end in range(5, 40):
        texts = [(2, *IDS[number : number + end]) for number in range(3)]
        np.testing.assert_allclose(backend.logits(texts, caches), plain.logits(texts), atol=ROUNDING)
        emptied += sum(not cache.input_ids for cache in caches)
        assert sum(cache.states.nbytes for cache in caches) <= 20_000
    assert emptied > 0


EDITS = st.lists(
    st.one_of(
        st.tuples(
            st.just("type"), st.sampled_from([*"abcdefg ", " the film", "good ", "👍", "é", "e\u0301", "\u200d", "."])
        ),
        st.tuples(st.just("backspace"), st.integers(1, 12)),
        st.tuples(st.just("paste"), st.sampled_from(["the plot was awful and bad. " * 3, "great " * 90])),
        st.tuples(st.just("insert"), st.integers(0, 200)),
        st.tuples(st.just("cut"), st.integers(0, 200)),
        st.tuples(st.just("undo"), st.just(0)),
    ),
    min_size=1,
    max_size=25,
)


def edited(history: list[str], kind: str, value: str | int) -> str:
    text = history[-1]
    match kind, value:
        case (("type" | "paste"), str()):
            return text + value
        case "backspace", int():
            return text[:-value]
        case "insert", int():
            return text[:value] + "x" + text[value:]
        case "cut", int():
            return text[:value] + text[value + 7 :]
        case _:
            return history[-2] if len(history) > 1 else text


@settings(max_examples=60, deadline=None)
@given(EDITS)
def test_any_edits_are_rated_as_if_each_text_came_alone(
    typist_and_fresh: tuple[TextClassifier, TextClassifier], edits: list[tuple[str, str | int]]
) -> None:
    """Typing, corrections, pastes past the longest text, edits in the middle, undo: never a trace of earlier texts."""
    typist, fresh = typist_and_fresh
    cache, history = EncoderCache(), [""]
    for kind, value in edits:
        history.append(edited(history, kind, value))
        [kept], [alone] = typist.classify([history[-1]], [cache]), fresh.classify([history[-1]])
        np.testing.assert_allclose(kept.probabilities, alone.probabilities, atol=1e-4)
        assert (kept.tokens, kept.truncated) == (alone.tokens, alone.truncated)
        assert len(cache.input_ids) <= TINY_TOKENS


@pytest.mark.parametrize("tokens", [BLOCK, 8, 17, 1000])
def test_a_text_read_in_steps_is_rated_as_in_one_go(
    backend: CachedOnnxBackend, plain: OnnxBackend, tokens: int
) -> None:
    text, cache = (2, *IDS), EncoderCache()
    lengths = [0]
    while (advanced := backend.advance([text], [cache], tokens)) != [0]:
        lengths.append(len(cache.input_ids))
        assert advanced == [lengths[-1] - lengths[-2]]
        assert BLOCK <= advanced[0] <= tokens
    # The last block is left for the rating itself, which reads there.
    assert len(cache.input_ids) == (len(text) - 1) // BLOCK * BLOCK
    np.testing.assert_allclose(backend.logits([text], [cache]), plain.logits([text]), atol=ROUNDING)


def test_a_step_forgets_what_was_typed_otherwise_before(backend: CachedOnnxBackend, plain: OnnxBackend) -> None:
    cache = EncoderCache()
    backend.logits([(2, *IDS)], [cache])
    changed = (2, *IDS[:9], 7, *IDS[10:])
    assert backend.advance([changed], [cache], BLOCK) == [BLOCK]
    assert cache.input_ids == changed[: 8 + BLOCK]
    np.testing.assert_allclose(backend.logits([changed], [cache]), plain.logits([changed]), atol=ROUNDING)


def variants_of(backend: CachedOnnxBackend, cached: int) -> Variants:
    """A text of which the first ``cached`` tokens are cached, with one token or several changed, or cut."""
    text, begun = (2, *IDS), EncoderCache()
    backend.logits([text[:cached]], [begun])
    changed = [Variant((*text[:at], 7, *text[at + 1 :]), at) for at in range(1, len(text), 3)]
    cut = [Variant(text[:end], end) for end in (1, 4, 21)]
    return Variants([*changed, *cut, Variant((2, 9, 9), 1)], begun)


@pytest.mark.parametrize("cached", [1, 30, 56])
@pytest.mark.parametrize("steps", [False, True])
def test_variants_are_rated_like_texts_of_their_own_and_leave_the_cache_as_it_was(
    folder: Path, cached: int, steps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_core.backends.onnx_cached._VARIANT_TOKENS", 2 * BLOCK)
    backend = in_steps(folder, step=2 * BLOCK)
    if not steps:
        backend = CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=2, cache_bytes=10**9)
    variants = variants_of(backend, cached)
    before = variants.begun.input_ids, variants.begun.states.copy(), variants.begun.logits.copy()
    passes = 0
    while backend.advance_variants(variants, 3 * BLOCK):
        passes += 1
    assert variants.left == []
    assert variants.under_way == {}
    each = np.stack([variants.logits[index] for index in range(len(variants.texts))])
    alone = np.concatenate([backend.logits([ids]) for ids, _ in variants.texts])
    np.testing.assert_allclose(each, alone, atol=ROUNDING)
    assert passes > 1
    for now, then in zip((variants.begun.input_ids, variants.begun.states, variants.begun.logits), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_variants_have_the_same_numbers_to_the_last_bit_in_steps_of_any_size(folder: Path) -> None:
    found = []
    for threads, tokens in ((1, 1), (2, 5), (2, 16), (1, 1000)):
        backend = in_steps(folder, step=2 * BLOCK, threads=threads)
        variants = variants_of(backend, 30)
        while backend.advance_variants(variants, tokens):
            pass
        found.append(np.stack([variants.logits[index] for index in range(len(variants.texts))]))
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_variants_are_read_to_the_end_with_no_room_for_caches_and_theirs_count(folder: Path) -> None:
    backend = CachedOnnxBackend(folder / ONNX_CACHED_FILE, BLOCK, READ_TOKENS, threads=2, cache_bytes=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model_core.backends.onnx_cached._VARIANT_TOKENS", 2 * BLOCK)
        variants, sizes = variants_of(backend, 1), []
        while backend.advance_variants(variants, BLOCK):
            sizes.append(variants.size.new)
            assert backend._pool.nbytes == sum(cache.states.nbytes for cache in variants.under_way.values())
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] == 0
    for index, variant in enumerate(variants.texts):
        np.testing.assert_allclose(variants.logits[index], backend.logits([variant.input_ids])[0], atol=ROUNDING)


def test_variants_of_a_text_whose_cache_was_emptied_are_read_from_their_begin(backend: CachedOnnxBackend) -> None:
    variants = variants_of(backend, 30)
    variants.begun.clear()
    while backend.advance_variants(variants, 16):
        pass
    np.testing.assert_allclose(variants.logits[3], backend.logits([variants.texts[3].input_ids])[0], atol=ROUNDING)


@pytest.mark.parametrize("fast", [False, True])
def test_processors_with_and_without_products_of_int8_get_the_same_numbers(
    folder: Path, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_core.backends.onnx_cached.has_int8_products", lambda: fast)
    here, one = in_steps(folder, step=8), in_steps(folder, step=8, threads=1)
    assert (here._alone.blocks is here._side_by_side.blocks) is fast
    texts = [(2, *IDS), (2, *IDS[:7]), (2, 9)]
    np.testing.assert_array_equal(here.logits(texts), one.logits(texts))
    np.testing.assert_array_equal(here.logits(texts[:1]), one.logits(texts[:1]))
