"""Speed and peak memory of the video networks, at full size with random weights.

``python -m benchmarks.networks --device cuda --size 1280x720`` restores; ``--train`` times training steps instead
(forward, mean absolute error, backward, Adam) on ``--size 256x256`` crops. ``--json FILE`` keeps the raw figures. A
clip goes through each network whole, in each precision (autocast for bfloat16 and float16). Figures are medians over
repeats after one warm-up; memory is what PyTorch held at most (CUDA only).
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hvdbench import catalog

NETWORKS = ("ifirnn", "estrnn", "basicvsrpp", "rvrt", "nafnet")
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def measure(name: str, precision: str, given: argparse.Namespace) -> dict[str, Any]:
    """Time one network; a failure, such as memory that does not suffice, is a row with its reason."""
    on_gpu = given.device.startswith("cuda")
    row: dict[str, Any] = {"network": name, "precision": precision}
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        torch.manual_seed(0)
        network: nn.Module = catalog.resolve("network", name).build().to(given.device)
        if given.channels_last:
            _put_channels_last(network)
        network.train(given.train)
        network = torch.compile(network, dynamic=False) if given.compile else network  # type: ignore[assignment]
        seconds, is_finite = _run(network, precision, given)
    except Exception as error:  # whatever a compiler says is a row too
        return row | {"error": str(error).splitlines()[0][:120]}
    row["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    row["finite"] = is_finite
    row["frames_per_s"] = round(given.batch * given.frames / statistics.median(seconds), 3)
    row["seconds"] = [round(value, 5) for value in seconds]
    if on_gpu:
        row["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
    return row


def _put_channels_last(network: nn.Module) -> None:
    """Lay out the weights of convolutions over pictures and over clips with their channels last."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in network.parameters():
        if parameter.dim() in layouts:
            parameter.data = parameter.data.contiguous(memory_format=layouts[parameter.dim()])


def _run(network: nn.Module, precision: str, given: argparse.Namespace) -> tuple[list[float], bool]:
    width, height = (int(side) for side in given.size.split("x"))
    clip = torch.rand(given.batch, given.frames, 3, height, width, device=given.device)
    dtype = PRECISIONS[precision]
    kind = given.device.partition(":")[0]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-5)
    last = clip

    def restore() -> None:
        nonlocal last
        with torch.inference_mode(), torch.autocast(kind, dtype, enabled=dtype is not None):
            last = network(clip)

    def train() -> None:
        nonlocal last
        with torch.autocast(kind, dtype, enabled=dtype is not None):
            last = network(clip)
            loss = (last - clip).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()

    seconds = [_seconds(train if given.train else restore, kind) for _ in range(given.repeats + 1)]
    return seconds[1:], bool(torch.isfinite(last).all())


def _seconds(function: Callable[[], None], kind: str) -> float:
    started = time.perf_counter()
    function()
    if kind == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def machine(device: str) -> str:
    """Describe what the figures were measured on."""
    part = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or "CPU"
    return f"{part}, torch {torch.__version__}, Python {platform.python_version()}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--train", action="store_true", help="time training steps")
    parser.add_argument("--size", default="1280x720", help="width x height")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="through torch.compile; the warm-up compiles")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=list(PRECISIONS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    what = "training steps" if given.train else "restoring"
    facts: dict[str, Any] = {"machine": machine(given.device), "what": what, "size": given.size}
    facts |= {"frames": given.frames, "batch": given.batch}
    facts |= {"compile": given.compile, "channels_last": given.channels_last}
    print(", ".join(f"{key}: {value}" for key, value in facts.items()))
    rows = []
    for name in given.networks:
        for precision in given.precisions:
            row = measure(name, precision, given)
            rows.append(row)
            speed = (
                row.get("error") or f"{row['frames_per_s']:9.2f} frames/s {row.get('peak_gib', float('nan')):7.2f} GiB"
            )
            print(f"{name:12} {precision:9} {speed}{'' if row.get('finite', True) else '  NOT FINITE'}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
