"""Count the parameters and multiplications of a method's network for the metric ``efficiency``."""

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from hvdbench.methods.recipe import Method
from hvdbench.scoring.costs import read_counts, write_counts
from hvdbench.scoring.run_clip import RunClip

if TYPE_CHECKING:
    from torch import nn

    from hvdbench.networks.spec import VideoNetwork

FRAMES = 5
"""The number of frames in the pass that is counted; fewer where the clip has fewer."""


def count_costs(method: Method, places: Sequence[RunClip]) -> None:
    """Write ``costs.json`` beside every clip of a run; the network is counted once for each frame size.

    A method without a network gets no such file.

    Args:
        method: the method that restored the run, with its weights.
        places: the clips of the run.

    Raises:
        HvdbenchError: if the network cannot be opened.
    """
    if not method.has_network or all(read_counts(place) for place in places):
        return
    network = method.open()
    counted: dict[tuple[int, ...], tuple[int | None, float | None, str]] = {}
    for place in places:
        frames, height, width, _ = place.blurry.shape
        size = min(frames, FRAMES), height, width
        if size not in counted:
            counted[size] = _count(network, *size)
        write_counts(place.folder, str(place.manifest.get("run_digest")), *counted[size])


def _count(network: "VideoNetwork", frames: int, height: int, width: int) -> tuple[int | None, float | None, str]:
    """Count parameters and multiplications per frame, and return them with how they were counted.

    The pass runs on torch's device ``meta``, which has shapes but no numbers, so it takes neither time nor memory.
    """
    import torch

    from hvdbench.metrics.efficiency import count_macs, count_parameters

    module = cast("nn.Module", network)
    params = count_parameters(module) or None
    spec = network.spec
    count = max(frames, spec.min_frames)
    sides = [
        math.ceil(max(side, spec.min_size_px) / spec.size_multiple) * spec.size_multiple for side in (height, width)
    ]
    note = f"macs: of one pass over {count} frames of {sides[1]}x{sides[0]} px, divided by {count}"
    try:
        shapes = copy.deepcopy(module).to("meta").eval()
        macs = count_macs(shapes, torch.empty(1, count, 3, *sides, device="meta"))
    except Exception as error:  # a foreign network, or torch, may fail in any way on tensors without numbers
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        return params, None, f"macs cannot be counted without numbers: {reason}"
    return (params, macs / count, note) if macs else (params, None, "macs: it has no convolution or product")
