"""(c) Does the gain hold where nothing was learned: other clips than the one fitted to, real pairs, edge spread."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.selfhvd_tiny.arms import CORRECTION_STEPS, PLAIN, RC, Prepared, apply, controls, fit, prepare
from benchmarks.selfhvd_tiny.clips import SPECS, Clip, make_clip
from benchmarks.validity.clips import EXACT, exact_clip
from benchmarks.validity.fits import mean_psnr
from hvdbench.frames import Frames
from hvdbench.metrics.edge_spread import FEWEST_EDGES, Edges, edge_spread, find_edges, overshoot
from hvdbench.metrics.sharpness import gray_sharpness

CLIPS = ("v_motorcycle", "v_cup", "walk_a", "juggle", "reds_027")
RECIPES = {"plain": (PLAIN, False), "rc": (RC, True)}
EDGE_FRAMES = 8


@dataclass(frozen=True)
class Judge:
    """What a clip's restored frames are held against.

    Attributes:
        clip: the clip.
        edges: of the truth, by frame; up to eight frames, evenly spread over those that were not selected.
    """

    clip: Clip
    edges: dict[int, Edges]

    @classmethod
    def of(cls, clip: Clip) -> "Judge":
        """Find the edges of a clip's truth."""
        todo = clip.todo
        chosen = sorted({todo[k] for k in np.linspace(0, len(todo) - 1, EDGE_FRAMES).round().astype(int)})
        found = {i: find_edges(truth_of(clip)[i]) for i in chosen}
        return cls(clip, {i: edges for i, edges in found.items() if len(edges) >= FEWEST_EDGES})

    def scores(self, frames: Frames) -> dict[str, float]:
        """Score the frames that were not selected; edges are medians within a frame, then means."""
        clip, truth = self.clip, truth_of(self.clip)
        found = {"psnr": mean_psnr(frames, truth, ~clip.labels.is_selected)}
        before = np.mean([gray_sharpness(clip.blurry[i]) for i in clip.todo])
        found["sharpness_ratio"] = float(np.mean([gray_sharpness(frames[i]) for i in clip.todo]) / before)
        if self.edges:
            found["edge_px"] = float(np.mean([np.median(edge_spread(frames[i], e)) for i, e in self.edges.items()]))
            found["overshoot"] = float(np.mean([np.median(overshoot(frames[i], e)) for i, e in self.edges.items()]))
        return {key: round(value, 4) for key, value in found.items()}


def truth_of(clip: Clip) -> Frames:
    """Return the truth at the exposures' centroids; clips with one truth alone give that."""
    return clip.truths.get("centroid", clip.truths["mid"])


def open_clip(name: str, work: Path, data: Path) -> Clip:
    """Make or read a clip of either benchmark."""
    return exact_clip(name, work, data) if name in EXACT else make_clip(name, work, data, SPECS[name])


def measure(seed: int, work: Path, data: Path) -> dict[str, Any]:
    """Fit to every clip, and restore every clip by every fit.

    Returns:
        Restored clip → what restored it (``input``, ``truth``, the controls, ``plain from CLIP``, ``rc from CLIP``) →
        scores.
    """
    prepared: dict[str, Prepared] = {name: prepare(open_clip(name, work, data)) for name in CLIPS}
    judges = {name: Judge.of(one.clip) for name, one in prepared.items()}
    found: dict[str, Any] = {}
    for name, one in prepared.items():
        found[name] = {"truth": judges[name].scores(truth_of(one.clip))}
        found[name] |= {control.arm: judges[name].scores(control.frames) for control in controls(one)}
    for recipe, (values, with_blend) in RECIPES.items():
        for source, one in prepared.items():
            network = fit(one, seed, values, with_blend=with_blend).run()
            for name, other in prepared.items():
                frames = apply(network, other, CORRECTION_STEPS if with_blend else 0)
                found[name][f"{recipe} from {source}"] = judges[name].scores(frames)
    return {"seed": seed, "clips": found}
