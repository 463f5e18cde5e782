"""RVRT's attention and BasicVSR++'s deformable alignment on the CPU, against straightforward PyTorch forms.

``python -m benchmarks.alignment --json FILE`` times both at the published widths. Each peer samples by
``grid_sample`` for one tap and group at a time, stacks all samples, and contracts them; torchvision's operator is a row
beside it. Outputs must agree to 1e-5 of the largest. Times are process CPU time on one thread; ours and a peer
alternate, and the ratio is the median over the pairs. Memory is what a forked process grows by at most (Linux).
"""

import argparse
import ctypes
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import deform_conv2d

from benchmarks.networks import machine
from hvdbench.networks.layers.sampling import sampled_attention, sampled_convolution

REACH = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
WANTED = 2.0
TOLERANCE = 1e-4  # 320 px wide, grid_sample in float32 is off by 3e-5 of the largest value from float64, ours by 3e-7
HEADS = 12  # of RVRT's attention; as many groups of offsets
WIDTH = 384  # of its queries
GROUPS = 16  # of BasicVSR++'s alignment
Form = Callable[..., Tensor]


@dataclass(frozen=True)
class Case:
    """One of our operators beside its peers."""

    name: str
    inputs: list[Tensor]
    ours: Form
    peers: dict[str, Form]


def _sample(features: Tensor, offset: Tensor, reach: tuple[int, int]) -> Tensor:
    """Sample (N, C, h, w) at each pixel's neighbour moved by (N, 2, h, w), y first."""
    height, width = features.shape[-2:]
    y = torch.arange(height)[:, None] + reach[0] + offset[:, 0]
    x = torch.arange(width) + reach[1] + offset[:, 1]
    grid = torch.stack((2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1), dim=-1)
    return F.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def stacked_attention(query: Tensor, key: Tensor, value: Tensor, *offsets: Tensor) -> Tensor:
    """Attend to all samples of both slots, stacked."""
    half = HEADS // 2
    keys, values = [], []
    for slot, offset in enumerate(offsets):
        moved = offset.flatten(0, 1)  # (2N, G, 9, 2, h, w)
        key_groups, value_groups = (
            (x if slot == 0 else x.flip(1)).flatten(0, 1).chunk(half, dim=1) for x in (key, value)
        )
        for tap, reach in enumerate(REACH):
            keys.append(torch.cat([_sample(x, moved[:, g, tap], reach) for g, x in enumerate(key_groups)], dim=1))
            values.append(
                torch.cat([_sample(x, moved[:, half + g, tap], reach) for g, x in enumerate(value_groups)], dim=1)
            )
    queries = query.flatten(0, 1).unflatten(1, (HEADS, -1))  # (2N, heads, c, h, w)
    all_keys = torch.stack(keys, dim=2).unflatten(1, (HEADS, -1))  # (2N, heads, c, 18, h, w)
    logits = torch.einsum("nhcyx,nhctyx->nhtyx", queries * queries.shape[2] ** -0.5, all_keys)
    all_values = torch.stack(values, dim=2).unflatten(1, (HEADS, -1))
    return torch.einsum("nhtyx,nhctyx->nhcyx", logits.softmax(dim=2), all_values).reshape(query.shape)


def stacked_convolution(features: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    """Convolve all samples, stacked, by 1x1."""
    size = features.shape[-2:]
    moved, scale = offset.view(-1, GROUPS, 9, 2, *size), mask.view(-1, GROUPS, 9, 1, *size)
    samples = []
    for tap, reach in enumerate(REACH):
        parts = [
            _sample(x, moved[:, g, tap], reach) * scale[:, g, tap] for g, x in enumerate(features.chunk(GROUPS, dim=1))
        ]
        samples.append(torch.cat(parts, dim=1))
    columns = torch.stack(samples, dim=2).flatten(1, 2)  # (N, 9C, h, w)
    return F.conv2d(columns, weight.flatten(1)[..., None, None], bias)


def torchvision_convolution(features: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    """Convolve by torchvision's operator."""
    return deform_conv2d(features, offset, weight, bias, padding=1, mask=mask)


def cases(height: int, width: int) -> list[Case]:
    """Make both at their published widths; offsets a few px long, some out of the picture."""
    torch.manual_seed(0)
    clips = [torch.randn(1, 2, WIDTH, height, width) for _ in range(3)]
    offsets = [2 + torch.randn(1, 2, HEADS, 9, 2, height, width) for _ in range(2)]
    features, offset = torch.randn(1, 128, height, width), 2 + torch.randn(1, 18 * GROUPS, height, width)
    weight, bias = 0.03 * torch.randn(64, 128, 3, 3), torch.randn(64)
    mask = torch.rand(1, 9 * GROUPS, height, width)

    def attend(query: Tensor, key: Tensor, value: Tensor, *moved: Tensor) -> Tensor:
        return sampled_attention(query, key, value, moved, heads=HEADS)

    peers = {"stacked": stacked_convolution, "torchvision": torchvision_convolution}
    return [
        Case("attention", [*clips, *offsets], attend, {"stacked": stacked_attention}),
        Case("convolution", [features, offset, weight, bias, mask], sampled_convolution, peers),
    ]


def forward(form: Form, inputs: list[Tensor]) -> Tensor:
    """Apply a form without gradients."""
    with torch.no_grad():
        return form(*inputs)


def both_ways(form: Form, inputs: list[Tensor]) -> None:
    """Apply a form and take the gradients of all inputs."""
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    torch.autograd.grad(form(*leaves).square().sum(), leaves)


def compare(ours: Callable[[], Any], peer: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Time two in turn; seconds of each and the median ratio of peer to ours."""
    pairs = [(_seconds(ours), _seconds(peer)) for _ in range(repeats + 1)][1:]
    return {
        "ours_s": statistics.median(a for a, _ in pairs),
        "peer_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(b / a for a, b in pairs),
    }


def _seconds(call: Callable[[], Any]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def peak_mib(call: Callable[[], Any]) -> float:
    """Return what a forked process grows by at most while it calls, in MiB."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left free would hide what this one takes
        Path("/proc/self/clear_refs").write_text("5")  # the mark goes down to what is left
        before = _status_kib("VmRSS")
        call()
        sender.send((_status_kib("VmHWM") - before) / 1024)

    process = context.Process(target=child)
    process.start()
    process.join()
    if not receiver.poll():
        raise RuntimeError(f"the forked process ended with {process.exitcode}, without a figure")
    return float(receiver.recv())


def _status_kib(field: str) -> int:
    rows = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(f"{field}:"))


def measure(case: Case, peer: str, repeats: int, *, backward: bool) -> dict[str, Any]:
    """Check that a peer agrees, and measure both."""
    theirs = forward(case.peers[peer], case.inputs)
    error = float((forward(case.ours, case.inputs) - theirs).abs().max() / theirs.abs().max())
    if error > TOLERANCE:
        raise ValueError(f"{case.name}: ours and {peer} differ by {error:.1e} of the largest value")
    del theirs
    way = both_ways if backward else forward
    ours, other = partial(way, case.ours, case.inputs), partial(way, case.peers[peer], case.inputs)
    row: dict[str, Any] = {"what": case.name, "peer": peer, "backward": backward, "error": error}
    row |= {"ours_mib": peak_mib(ours), "peer_mib": peak_mib(other)}
    return row | compare(ours, other, repeats)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", default=["64x64", "320x180"], help="of the features, width x height")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-backward", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(machine("cpu"), flush=True)
    for case in cases(8, 8):  # compiles
        both_ways(case.ours, case.inputs)
    rows = []
    for size in given.sizes:
        width, height = (int(side) for side in size.split("x"))
        for case in cases(height, width):
            for peer in case.peers:
                for backward in (False,) if given.no_backward else (False, True):
                    row = {"size": size} | measure(case, peer, given.repeats, backward=backward)
                    rows.append(row)
                    is_met = row["ratio"] >= WANTED and row["ours_mib"] < row["peer_mib"]
                    print(
                        f"{size:8} {case.name:12} {peer:12} {'forward+backward' if backward else 'forward':17}"
                        f"{row['peer_s']:8.3f} s / {row['ours_s']:7.3f} s = {row['ratio']:5.2f}   "
                        f"{row['peer_mib']:7.0f} MiB, ours {row['ours_mib']:6.0f}   {'met' if is_met else 'MISSED'}",
                        flush=True,
                    )
    if given.json:
        given.json.write_text(json.dumps({"machine": machine("cpu"), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
