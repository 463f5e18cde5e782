"""Measure where the time of a method goes: preprocessing, flow, labels, training, restoring.

A method opens :func:`measured` and puts :attr:`Stages.facts` into its facts; code that several methods share, such as
the flow inside a training step, only marks itself with :func:`stage`.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from hvdbench.metrics.efficiency import SECONDS_BY_STAGE, STAGES, Stage


class Stages:
    """A stopwatch with one reading for each stage.

    Only one stage runs at a time: the time of a stage inside another one counts for the inner one alone. What worker
    threads do counts for the stage in which the thread that measures waits for them.
    """

    def __init__(self) -> None:
        self._seconds: dict[Stage, float] = {}
        self._now: Stage | None = None
        self._since = 0.0

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Count the time of the block for a stage."""
        before = self._now
        self._switch(name)
        try:
            yield
        finally:
            self._switch(before)

    @property
    def facts(self) -> dict[str, object]:
        """The facts of a restoration: the seconds of each stage that ran."""
        return {SECONDS_BY_STAGE: {name: round(self._seconds[name], 3) for name in STAGES if name in self._seconds}}

    @property
    def total_s(self) -> float:
        """The seconds of all stages together."""
        return sum(self._seconds.values())

    def _switch(self, to: Stage | None) -> None:
        _wait_for_gpu()
        now = time.perf_counter()
        if self._now is not None:
            self._seconds[self._now] = self._seconds.get(self._now, 0.0) + now - self._since
        self._now, self._since = to, now


_current: ContextVar[Stages | None] = ContextVar("stages", default=None)


@contextmanager
def measured() -> Iterator[Stages]:
    """Measure the stages of the block; what is measured around it does not see them."""
    stages = Stages()
    token = _current.set(stages)
    try:
        yield stages
    finally:
        _current.reset(token)


def stage(name: Stage) -> AbstractContextManager[None]:
    """Count the time of the block for a stage of what is measured around it; without that nothing happens."""
    current = _current.get()
    return nullcontext() if current is None else current.stage(name)


def _wait_for_gpu() -> None:
    """Wait for kernels that were started, since their time would otherwise count for whatever waits for them later."""
    torch = sys.modules.get("torch")  # without it nothing can run on a GPU, and importing it takes seconds
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
