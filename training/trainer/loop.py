"""The training loop: steps, time limits, log, state to resume from, and an average of the weights.

A resumed run gives the same result as one that was never stopped: random numbers depend only on seed and step, and the
state contains everything that changes. Only a run with a time budget (``budget_minutes``) depends on the machine.
"""

import contextlib
import dataclasses
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TextIO

import torch
from torch import Tensor
from tqdm import tqdm

from training.trainer.run import load_pieces, open_log, restore, save_pieces, state_tensors

LOG_STEPS = 50

Figures = Mapping[str, tuple[Tensor | float, Tensor | float]]
"""Figures of a step by name: a sum and its divisor. The log has the quotient of both since the last line."""


class LoopConfig(Protocol):
    """The options of the loop itself."""

    @property
    def seed(self) -> int: ...  # noqa: D102 - as in the configs
    @property
    def max_grad_norm(self) -> float: ...  # noqa: D102
    @property
    def budget_minutes(self) -> float: ...  # noqa: D102
    @property
    def stop_after_minutes(self) -> float: ...  # noqa: D102
    @property
    def save_minutes(self) -> float: ...  # noqa: D102


class Trainee(Protocol):
    """A model, its optimizer and its data."""

    @property
    def model(self) -> torch.nn.Module:
        """The model. All parameters that require a gradient are trained."""

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Each of its groups has a ``peak_lr``."""

    @property
    def steps(self) -> int:
        """Steps of the whole run, unless a time budget ends it before."""

    def batches(self, first_step: int) -> Iterable[Any]:
        """The batches of the run from this step on."""

    def rate(self, step: int, share: float) -> float:
        """Learning rate of the next step relative to the peak, after ``step`` steps and ``share`` of the run."""

    def backward(self, batch: Any) -> Figures:
        """Add the gradient of the loss of one batch; return its figures."""

    def look(self, step: int, ended: bool) -> Mapping[str, Any] | None:
        """Evaluate after this step if it is time, or the run ends. Return what to log, or None."""


@dataclasses.dataclass
class Progress:
    """Progress of a run, stored with weights and moments."""

    step: int = 0
    seconds: float = 0.0
    sums: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    """Sum and divisor of each figure since the last line of the log."""
    best: list[float] = dataclasses.field(default_factory=list)
    """Rank of the best evaluation so far, the lower the better."""
    worse: int = 0
    """Evaluations in a row since then."""

    def add(self, figures: Figures) -> None:
        """Add the figures of one step."""
        for name, (total, weight) in figures.items():
            sums = self.sums.setdefault(name, [0.0, 0.0])
            sums[0] += float(total)
            sums[1] += float(weight)

    def pop_means(self) -> dict[str, float]:
        """Return the figures since the last call."""
        means = {name: round(total / weight, 4) if weight else 0.0 for name, (total, weight) in self.sums.items()}
        self.sums = {}
        return means


class TrainingRun:
    """One run of a trainee, resumed from the state in its folder.

    ``average`` above 0 keeps an exponential moving average of the trained weights with this decay per step (Polyak
    averaging; smaller in the first steps). ``piece_bytes`` above 0 splits the state into files of this size.
    ``patience`` above 0 ends the run after this many evaluations in a row that are not the best so far, and
    ``finish`` writes the weights of the best. The trainee's evaluations then need ``accuracy`` and ``nll``.
    """

    def __init__(
        self,
        folder: Path,
        trainee: Trainee,
        config: LoopConfig,
        average: float = 0.0,
        piece_bytes: int = 0,
        patience: int = 0,
    ) -> None:
        self._began = time.monotonic()
        self._folder, self._trainee, self._config = folder, trainee, config
        self._average_decay, self._piece_bytes, self._patience = average, piece_bytes, patience
        self.progress = Progress()
        saved = load_pieces(folder / "state")
        if saved is not None:
            restore(trainee.model, trainee.optimizer, saved[0])
            self.progress = Progress(**saved[1])
        self._average: dict[str, Tensor] = {}
        if average:
            for name, parameter in _trained(trainee.model):
                source = saved[0][f"average.{name}"] if saved else parameter.detach()
                self._average[name] = source.to(parameter.device, copy=True)

    @property
    def share(self) -> float:
        """Share of the run that is done; 1 is the end."""
        if self._patience and self.progress.worse >= self._patience:
            return 1.0
        done = self.progress.step / self._trainee.steps
        if self._config.budget_minutes:
            done = max(done, self.progress.seconds / (60 * self._config.budget_minutes))
        return min(1.0, done)

    def go_on(self, keep: Callable[[Path], object] | None = None) -> bool:
        """Train to the end of the run, or until it has to stop; save, and return whether the run has ended.

        ``keep`` writes a checkpoint of the best weights so far, where there is patience.
        It stops after ``stop_after_minutes``, and when the process is asked to end (SIGTERM, Ctrl-C).
        """
        if self.share >= 1:
            return True
        trainee, progress, config = self._trainee, self.progress, self._config
        trainee.model.train()
        self._folder.mkdir(parents=True, exist_ok=True)
        terminal = sys.stderr.isatty()
        last = saved = time.monotonic()
        with (
            _asked_to_stop() as asked,
            tqdm(
                total=trainee.steps,
                initial=progress.step,
                desc="train",
                smoothing=0.02,
                mininterval=2 if terminal else 60,
            ) as bar,
            open_log(self._folder, progress.step) as log,
        ):
            for batch in trainee.batches(progress.step):
                self._step(batch)
                now = time.monotonic()
                progress.seconds, last = progress.seconds + now - last, now
                bar.update()
                if progress.step == 1 or progress.step % LOG_STEPS == 0 or self.share >= 1:
                    means = progress.pop_means()
                    # A time budget may end the run before its last step.
                    left = progress.seconds * (1 - self.share) / self.share
                    bar.set_postfix({**means, "ends_in": tqdm.format_interval(left)}, refresh=False)
                    _write(log, {"step": progress.step, **means, "seconds": round(progress.seconds, 1)})
                if (seen := self._look(keep)) is not None:
                    _write(log, {"step": progress.step, **seen})
                    tqdm.write(f"step {progress.step}: {json.dumps(seen)}", file=sys.stderr)
                    last = time.monotonic()  # Evaluation does not count for the time budget.
                late = config.stop_after_minutes and last - self._began >= 60 * config.stop_after_minutes
                if self.share >= 1 or late or asked():
                    break
                if last - saved > 60 * config.save_minutes:
                    self._save()
                    saved = last = time.monotonic()
        self._save()
        return self.share >= 1

    def finish(self, save: Callable[[Path], object]) -> Path | None:
        """Continue, write the checkpoint at the end, and return its folder; None if the run was stopped.

        For a finished run nothing is computed or written again.
        """
        folder = self._folder / "checkpoint"
        if self.share >= 1 and folder.exists() and folder.stat().st_mtime >= self._saved_at():
            print(f"{self._folder} has ended at step {self.progress.step}")
            return folder
        if not self.go_on(save):
            print(f"stopped at step {self.progress.step}: give the same command again to go on")
            return None
        best = self._folder / "best"
        if self._patience and best.exists():
            self.write(folder, lambda partial: shutil.copytree(best, partial))
            folder.touch()
        else:
            self.write(folder, save)
        return folder

    def write(self, folder: Path, save: Callable[[Path], object]) -> None:
        """Write the weights, or their average if one is kept, as a whole checkpoint or not at all."""
        partial = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        with self.averaged():
            save(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    def _saved_at(self) -> float:
        return max((path.stat().st_mtime for path in (self._folder / "state").glob("*.json")), default=0.0)

    def _step(self, batch: Any) -> None:
        trainee, progress = self._trainee, self.progress
        rate = trainee.rate(progress.step, self.share)
        for group in trainee.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate
        # Random numbers depend only on the step, so that a resumed run gives the same result.
        torch.manual_seed(self._config.seed + progress.step)
        progress.add(trainee.backward(batch))
        trained = [parameter for _, parameter in _trained(trainee.model)]
        torch.nn.utils.clip_grad_norm_(trained, self._config.max_grad_norm, error_if_nonfinite=True)
        trainee.optimizer.step()
        trainee.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        if self._average:
            decay = min(self._average_decay, (1 + progress.step) / (10 + progress.step))
            names, parameters = zip(*_trained(trainee.model), strict=True)
            torch._foreach_lerp_([self._average[name] for name in names], [p.detach() for p in parameters], 1 - decay)

    def _look(self, keep: Callable[[Path], object] | None) -> Mapping[str, Any] | None:
        with self.averaged():
            seen = self._trainee.look(self.progress.step, self.share >= 1)
        if seen is not None and keep is not None and self._patience:
            self._judge(seen["validation"], keep)
        self._trainee.model.train()
        return seen

    def _judge(self, figures: Mapping[str, float], keep: Callable[[Path], object]) -> None:
        """Keep the weights if they are the best so far."""
        rank = [-figures["accuracy"], figures["nll"]]
        if self.progress.best and rank >= self.progress.best:
            self.progress.worse += 1
            return
        self.progress.best, self.progress.worse = rank, 0
        self.write(self._folder / "best", keep)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """In this context, the model has the average of the weights, if one is kept."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        parameters = dict(self._trainee.model.named_parameters())
        for name, tensor in self._average.items():
            parameters[name].data, self._average[name] = tensor, parameters[name].data

    def _save(self) -> None:
        tensors = state_tensors(self._trainee.model, self._trainee.optimizer)
        tensors |= {f"average.{name}": tensor for name, tensor in self._average.items()}
        save_pieces(self._folder / "state", tensors, dataclasses.asdict(self.progress), self._piece_bytes)


def _trained(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def _write(log: TextIO, entry: Mapping[str, Any]) -> None:
    log.write(json.dumps(entry) + "\n")
    log.flush()


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[Any]:
    """Yield a function that returns whether a signal asked the process to end. A second signal ends it at once."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if asked:
            signal.default_int_handler(number, None)
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
