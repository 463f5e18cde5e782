"""Random draws of networks of others: they hang on the seed, and leave the draws of everybody else as they are."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, device: torch.device, *parts: int) -> Iterator[None]:
    """Seed torch, NumPy and Python for a block, and set them back behind it.

    Args:
        seed: seed of the run.
        device: device whose generator is seeded besides the CPU's.
        parts: numbers that tell this block from others of the same run.
    """
    draw = int(np.random.SeedSequence([seed, *parts]).generate_state(1, np.uint64)[0])
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what networks of others draw from
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(draw)
        random.seed(draw)
        np.random.seed(draw % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
