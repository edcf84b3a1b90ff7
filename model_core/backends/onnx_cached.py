"""The block-causal int8 ONNX graph with caches: encodes only from the first changed block on.

Texts of many typists form one batch, each with its own past. A token's result depends on no other text. A second graph
encodes several blocks of a long text in one pass. It sums in the same order as block by block, since int8 would turn
differences in rounding into a hundredth: a text has bit-identical results, typed or pasted, alone or in a batch.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import onnxruntime

from model_core.backends.onnx import has_int8_products, open_session
from model_core.cache import CachePool, Caches, EncoderCache, FloatArray
from model_core.classifier import Variants
from model_core.labels import FILM_RATINGS

_Result = TypeVar("_Result")

_BATCH_TOKENS: Final = 256
"""Maximum padded new tokens of one batch. Larger batches are no faster than single texts."""
_STEP_TOKENS: Final = 128
"""Maximum tokens of one pass over several blocks. More are no faster."""

_VARIANT_TOKENS: Final = 64
"""A variant with at most this many new tokens is read in one pass, together with others as long.

The order of sums depends on it and on padding, so it is the same whatever waits, and there is none.
"""

# Cost of a pass on one core, in units of encoding one token (0.1 ms with the shipped model on the core measured).
_PASS: Final = 10.0
_PAST: Final = 1 / 32
_COPIED_PAST: Final = 1 / 11
"""The pasts of several texts have to be copied together first."""


@dataclass(slots=True, eq=False)
class _Job:
    """One text to encode."""

    row: int
    input_ids: tuple[int, ...]
    cache: EncoderCache
    """The caller's cache, or a temporary one."""
    end: int = 0
    """End of the next block to encode."""
    shared: int | None = None
    """How many tokens of the cache it begins with, if it only reads the cache; None if it is its own, and whole."""

    @property
    def only_reads(self) -> bool:
        return self.shared is not None

    @property
    def past(self) -> int:
        return len(self.cache.input_ids) if self.shared is None else self.shared

    @property
    def new(self) -> int:
        return self.end - self.past

    def take_block(self, block: int) -> None:
        self.end = min(len(self.input_ids), self.past + block)

    @property
    def is_last_block(self) -> bool:
        return self.end == len(self.input_ids)


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The graphs in ONNX Runtime, all with the same number of threads."""

    blocks: onnxruntime.InferenceSession
    """The next block of each of several texts."""
    steps: onnxruntime.InferenceSession | None
    """Several blocks of one text."""


class CachedOnnxBackend:
    """ONNX Runtime on ``threads`` cores, and the caches of all typists within ``cache_bytes``.

    Passes run side by side, each on one core. Several cores share one pass only if there is no other.
    """

    def __init__(
        self,
        path: Path,
        block: int,
        read_tokens: int,
        threads: int,
        cache_bytes: int,
        labels: int = len(FILM_RATINGS),
        steps: Path | None = None,
    ) -> None:
        """``steps``: the graph of many whole blocks; without it, long texts take longer."""
        self._labels = labels
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="starcast-batch")
        self._side_by_side, self._alone = self._open(path, steps)
        self._block = block
        self._step = max(1, _STEP_TOKENS // block) * block
        self._read_tokens = read_tokens
        self._pool = CachePool(cache_bytes)
        pasts = [node for node in self._side_by_side.blocks.get_inputs() if node.name.startswith("past_")]
        self._pasts = [node.name for node in pasts if not node.name.endswith("_lengths")]
        self._states = [name.removeprefix("past_") for name in self._pasts]
        heads, _, head_size = next(node.shape[1:] for node in pasts if node.name in self._pasts)
        self._no_past = np.zeros((1, heads, 0, head_size), dtype=np.float32)

    def logits(self, input_ids: Sequence[tuple[int, ...]], caches: Caches = None) -> FloatArray:
        """Return logits [texts, labels]. Results are stored in the caches."""
        caches = caches or [None] * len(input_ids)
        jobs = [
            _Job(row, ids, cache or EncoderCache())
            for row, (ids, cache) in enumerate(zip(input_ids, caches, strict=True))
        ]
        for job in jobs:
            job.cache.keep(job.cache.shared_blocks(job.input_ids, self._block))
        if self._alone.steps is not None:
            long = [job for job in jobs if self._whole_blocks(job) > self._block]
            self._run_each([partial(self._encode, job, self._whole_blocks(job)) for job in long])
        result = np.empty((len(jobs), self._labels), dtype=np.float32)
        waiting = jobs
        while waiting:
            for job in waiting:
                job.take_block(self._block)
            batches = _batches(waiting, self._threads)
            passes = self._run_each([partial(self._run, batch) for batch in batches])
            for batch, logits in zip(batches, passes, strict=True):
                result[[job.row for job in batch]] = logits
            waiting = [job for job in waiting if not job.is_last_block]
        self._pool.use([cache for cache in caches if cache is not None])
        return result

    def advance(self, input_ids: Sequence[tuple[int, ...]], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Encode up to ``tokens`` more tokens of each text into its cache: whole blocks, and not the last one.

        Return how many were, of each.
        """
        jobs = [_Job(row, ids, cache) for row, (ids, cache) in enumerate(zip(input_ids, caches, strict=True))]
        for job in jobs:
            job.cache.keep(job.cache.shared_blocks(job.input_ids, self._block))
        step = max(1, tokens // self._block) * self._block
        left = [min(step, self._whole_blocks(job)) for job in jobs]
        self._run_each([partial(self._encode, job, count) for job, count in zip(jobs, left, strict=True)])
        self._pool.use(caches)
        return left

    def advance_variants(self, variants: Variants, tokens: int) -> bool:
        """Read variants that are left for about ``tokens`` tokens on each core. Return whether any were read.

        Long ones are read in steps first, so that their caches are soon free again.
        """
        jobs = [self._variant(variants, index) for index in variants.left]
        jobs.sort(key=lambda job: (job.row not in variants.under_way, -job.new, job.past))
        passes: list[Callable[[_Sessions], None]] = []
        while jobs and len(passes) < self._threads:
            first = jobs[0]
            if first.new > _VARIANT_TOKENS:
                passes.append(partial(self._step_variant, variants, first, tokens))
                jobs = jobs[1:]
            else:
                alike = [job for job in jobs if (job.cache, job.past, job.new) == (first.cache, first.past, first.new)]
                together = alike[: max(1, tokens // first.new)]
                passes.append(partial(self._finish_variants, variants, together))
                jobs = [job for job in jobs if job not in together]
        self._run_each(passes)
        self._pool.use([variants.begun], variants.under_way.values())
        return bool(passes)

    def _variant(self, variants: Variants, index: int) -> _Job:
        """Return the job of reading a variant to its end."""
        ids, same = variants.texts[index]
        if (own := variants.under_way.get(index)) is not None:
            return _Job(index, ids, own, len(ids), len(own.input_ids))
        shared = min(same, len(variants.begun.input_ids), len(ids) - 1) // self._block * self._block
        return _Job(index, ids, variants.begun, len(ids), shared)

    def _step_variant(self, variants: Variants, job: _Job, tokens: int, sessions: _Sessions) -> None:
        """Encode up to ``tokens`` more tokens of a long variant into a cache of its own."""
        if job.row not in variants.under_way:
            job.cache = variants.under_way[job.row] = variants.begun.fork()
            job.cache.keep(job.past)
        blocks = -(-(job.new - _VARIANT_TOKENS) // self._block)
        tokens = min(blocks, max(1, tokens // self._block)) * self._block
        self._encode(_Job(job.row, job.input_ids, job.cache), tokens, sessions)

    def _finish_variants(self, variants: Variants, jobs: Sequence[_Job], sessions: _Sessions) -> None:
        """Read variants with the same cache to their ends in one pass."""
        for job, logits in zip(jobs, self._run(jobs, sessions), strict=True):
            variants.logits[job.row] = logits
            variants.under_way.pop(job.row, None)

    def cached(self, input_ids: tuple[int, ...], cache: EncoderCache) -> int:
        """Return how many tokens of the text are in the cache: whole blocks from its begin."""
        return cache.shared_blocks(input_ids, self._block)

    def _whole_blocks(self, job: _Job) -> int:
        """Return how many tokens are left to encode before the last block."""
        return (len(job.input_ids) - 1) // self._block * self._block - job.past

    def _open(self, path: Path, steps: Path | None) -> tuple[_Sessions, _Sessions]:
        """Load the graphs for passes side by side, each on one core, and for a single one that may have all cores."""
        # A key is too little work to share, unless the processor has no fast products of int8.
        key_threads = 1 if has_int8_products() else self._threads
        graphs = {(path, 1), (path, key_threads)} | ({(steps, 1), (steps, self._threads)} if steps else set())
        opened = {graph: self._executor.submit(open_session, *graph, self._labels) for graph in graphs}

        def sessions(of_blocks: int, of_steps: int) -> _Sessions:
            return _Sessions(opened[path, of_blocks].result(), opened[steps, of_steps].result() if steps else None)

        return sessions(1, 1), sessions(key_threads, self._threads)

    def _encode(self, job: _Job, tokens: int, sessions: _Sessions) -> None:
        """Encode this many more tokens of a text: whole blocks."""
        end = job.past + tokens
        while job.past < end:
            if sessions.steps is None or end - job.past == self._block:
                job.take_block(self._block)
                self._run([job], sessions)
            else:
                job.end = min(end, job.past + self._step)
                self._run_step(sessions.steps, job)

    def _run_step(self, session: onnxruntime.InferenceSession, job: _Job) -> None:
        """Encode the next blocks of a text in one pass."""
        ids = job.input_ids[job.past : job.end]
        feed: dict[str, Any] = {"input_ids": np.array([ids], dtype=np.int64)}
        feed |= zip(self._pasts, self._stacked_pasts([job]), strict=True)
        logits, *states = session.run(["logits", *self._states], feed)
        job.cache.append(ids, np.concatenate(states), logits[0])

    def _run_each(self, passes: Sequence[Callable[[_Sessions], _Result]]) -> list[_Result]:
        """Run passes side by side, or a single one on all cores."""
        if len(passes) == 1:
            return [passes[0](self._alone)]
        return _results([self._executor.submit(run, self._side_by_side) for run in passes])

    def _run(self, batch: Sequence[_Job], sessions: _Sessions) -> FloatArray:
        """Encode the next block of each text. Return logits [texts, labels] at the last tokens so far."""
        ids = np.zeros((len(batch), max(job.new for job in batch)), dtype=np.int64)
        for tokens, job in zip(ids, batch, strict=True):
            tokens[: job.new] = job.input_ids[job.past : job.end]
        feed: dict[str, Any] = {
            "input_ids": ids,
            "new_lengths": np.array([job.new for job in batch]),
            "past_lengths": np.array([job.past for job in batch]),
        }
        feed |= zip(self._pasts, self._stacked_pasts(batch), strict=True)
        finished = [0 if job.only_reads else job.new // self._block * self._block for job in batch]
        each, *states = sessions.blocks.run(["logits", *(self._states if any(finished) else ())], feed)
        read = np.stack([self._read(job, logits[: job.new]) for job, logits in zip(batch, each, strict=True)])
        for row, (job, count) in enumerate(zip(batch, finished, strict=True)):
            if count:
                kept = np.stack([state[row, :, :count] for state in states])
                job.cache.append(job.input_ids[job.past : job.past + count], kept, each[row, :count])
        return read

    def _read(self, job: _Job, logits: FloatArray) -> FloatArray:
        """Return the mean logits [labels] of the last tokens, without [CLS]. ``logits`` [new, labels]: the block's."""
        begin = min(max(1, job.end - self._read_tokens), job.end - 1)
        read = logits[max(0, begin - job.past) :]
        if begin < job.past:
            read = np.concatenate([job.cache.logits[begin : job.past], read])
        return np.asarray(read.mean(axis=0))

    def _stacked_pasts(self, batch: Sequence[_Job]) -> Iterator[FloatArray]:
        """Yield the padded pasts of the batch for each key and value of each layer: [texts, heads, past, head size]."""
        longest = max(job.past for job in batch)
        if longest == 0:
            empty = np.broadcast_to(self._no_past, (len(batch), *self._no_past.shape[1:]))
            yield from [np.ascontiguousarray(empty)] * len(self._pasts)
        elif all(job.cache is batch[0].cache for job in batch):
            # A single typist, the common case, or variants of one text: the graph takes the past of one for all.
            yield from batch[0].cache.states[:, None, :, :longest]
        else:
            _, heads, _, head_size = self._no_past.shape
            stacked = np.empty((len(self._pasts), len(batch), heads, longest, head_size), dtype=np.float32)
            for row, job in enumerate(batch):
                if job.past:
                    stacked[:, row, :, : job.past] = job.cache.states
                stacked[:, row, :, job.past :] = 0
            yield from stacked


def _results(runs: Sequence[Future[_Result]]) -> list[_Result]:
    """Wait for all passes, even if one failed: none may still write to the caches."""
    wait(runs)
    return [run.result() for run in runs]


def _batches(jobs: Sequence[_Job], threads: int) -> list[list[_Job]]:
    """Group jobs of similar size so that all passes together cost least, into at least one batch per thread.

    The most expensive is first, so that the threads end at about the same time.
    """
    in_order = sorted(jobs, key=lambda job: (job.new, job.past))
    share = sum(_cost(1, job.new, job.past) - _PASS for job in jobs) / threads
    # least[n]: cost of the best batches for the first n jobs, the last of which begins at begins[n].
    least, begins = [0.0], [0]
    for end in range(1, len(in_order) + 1):
        new, past = in_order[end - 1].new, 0
        best, best_begin = math.inf, end - 1
        for begin in reversed(range(end)):
            past = max(past, in_order[begin].past)
            texts = end - begin
            cost = _cost(texts, new, past)
            if texts > 1 and (texts * new > _BATCH_TOKENS or cost - _PASS > share):
                break
            if least[begin] + cost < best:
                best, best_begin = least[begin] + cost, begin
        least.append(best)
        begins.append(best_begin)
    batches, end = [], len(in_order)
    while end:
        batches.append(in_order[begins[end] : end])
        end = begins[end]
    return sorted(batches, key=lambda batch: -_cost(len(batch), batch[-1].new, max(job.past for job in batch)))


def _cost(texts: int, new: int, past: int) -> float:
    """Return the cost of one pass over texts padded to this size, in encoded tokens."""
    return _PASS + texts * (new + past * (_PAST if texts == 1 else _COPIED_PAST))
