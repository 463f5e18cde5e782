"""Coordinate the processes of a run: a single one, or those of ``torchrun`` or ``accelerate launch``."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hvdbench.errors import InputError
from hvdbench.workspace.engine import usable_cores

_MOST_WORKERS = 8


class Processes:
    """The processes of a run, as the training loop uses them; with a single process, every method is trivial.

    Attributes:
        device: device that this process computes on: the one asked for, or this process's GPU.
        rank: number of this process, from 0.
        count: number of processes.
    """

    def __init__(self, device: str = "cpu") -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState

        is_cpu = torch.device(device).type == "cpu"
        state = PartialState(cpu=is_cpu)
        options = DistributedDataParallelKwargs(broadcast_buffers=False)
        self._accelerator: Any = Accelerator(
            mixed_precision="no",  # RgbNetwork takes care of it
            cpu=is_cpu and state.device.type == "cpu",
            device_placement=False,
            kwargs_handlers=[options],
        )
        self.rank, self.count = int(state.process_index), int(state.num_processes)
        self.device = torch.device(device)
        if self.count > 1 and self.device.type == "cuda":
            self.device = torch.device(state.device)

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def moved(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors on this process's device, under their names."""
        return {name: value.to(self.device) for name, value in tensors.items()}

    def share(self, batch: int, parts: int) -> int:
        """Return the number of samples in one part of this process's share of a batch.

        Raises:
            InputError: if the batch cannot be divided evenly.
        """
        if batch % (self.count * parts):
            raise InputError(
                f"a batch of {batch} does not divide into {self.count} processes of {parts} parts each: "
                f"take a multiple of {self.count * parts}"
            )
        return batch // (self.count * parts)

    def workers(self, asked: int | None) -> int:
        """Return how many processes load samples: as many as asked for, else none on a CPU, and up to 8 on a GPU."""
        if asked is not None:
            return asked
        return min(_MOST_WORKERS, usable_cores() - 1) if self.device.type == "cuda" else 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that gradients are averaged over processes; one process gets the network itself."""
        if self.count == 1:
            return network
        with warnings.catch_warnings():  # older versions of torch do not know the newer name
            warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated", category=FutureWarning)
            wrapped: nn.Module = self._accelerator.prepare_model(network, device_placement=False)
        return wrapped

    @contextmanager
    def gathering(self, network: nn.Module, is_last: bool) -> Iterator[None]:
        """Average gradients over processes only after the last part of a batch."""
        with nullcontext() if is_last or self.count == 1 else self._accelerator.no_sync(network):
            yield

    def mean(self, values: Tensor) -> Tensor:
        """Average a tensor over processes."""
        if self.count == 1:
            return values
        reduced: Tensor = self._accelerator.reduce(values, reduction="mean")
        return reduced

    def tell(self, numbers: Mapping[str, float] | None) -> dict[str, float]:
        """Send the main process's numbers to every process."""
        if self.count == 1:
            return dict(numbers or {})
        from accelerate.utils import broadcast_object_list

        told = broadcast_object_list([dict(numbers or {})])[0]
        return dict(told)

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            self._accelerator.wait_for_everyone()
