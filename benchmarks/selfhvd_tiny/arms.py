"""The arms of the small benchmark: each restores the frames of a clip that do not pass through.

``prepare`` does what all arms of a clip share; ``run_arms`` fits them, stage 1 once for all that branch off from it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.clips import Clip
from benchmarks.selfhvd_tiny.ren import apply_ren, fit_ren
from hvdbench.frames import Frames, Image
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.batches import Pairs, ReblurModel
from hvdbench.methods.fusion.candidates import CandidateStack, stack_candidates
from hvdbench.methods.fusion.fit import FusionFit, FusionFitSettings
from hvdbench.methods.fusion.resynthesis import resynthesise
from hvdbench.methods.reblur_blend import blend, corrected
from hvdbench.methods.restoration import Budget
from hvdbench.methods.warp_average import warp_average
from hvdbench.networks.fusion import FusionNetwork

BATCH = 4  # half of the recipes': what two cores can do for all arms, clips and seeds in an hour
PLAIN = {"batch": BATCH, "stage1_steps": 200, "stage2_steps": 100, "learning_rate": 3e-4}
RC = {**PLAIN, "stage1_steps": 120, "stage2_steps": 80, "learning_rate": 1e-4, "reblur": 1.0, "learn_blend": True}
EXACT = {**PLAIN, "stage1_steps": 300, "stage2_steps": 0, "exact_share": 1.0}
WITH_PAIRS = {**PLAIN, "stage1_steps": 250, "stage2_steps": 0, "exact_share": 0.5}
PARTS: Mapping[str, Mapping[str, Any]] = {
    "goes on": {"self_enhanced": False, "spatial_consistency": 0.0},
    "+SEVD": {"self_enhanced": True, "spatial_consistency": 0.0},
    "+SCSCM": {"self_enhanced": False, "spatial_consistency": 1.0},
    "both": {"self_enhanced": True, "spatial_consistency": 1.0},
}
CORRECTION_STEPS = 4
PAIRS = 32


@dataclass(frozen=True)
class Prepared:
    """A clip, aligned.

    Attributes:
        clip: the clip.
        todo: frames that do not pass through.
        model: its blur.
        stack: candidates of ``todo``, the re-blur blend last.
        blends: (N, H, W, 3) float32, the blends themselves.
        seconds: it took, process time.
    """

    clip: Clip
    todo: list[int]
    model: ExposureModel
    stack: CandidateStack
    blends: NDArray[np.float32]
    seconds: float

    @property
    def plain(self) -> CandidateStack:
        """The candidates without the blend."""
        return without_blend(self.stack)

    @property
    def blur(self) -> ReblurModel:
        """The blur of ``todo``."""
        return ReblurModel([self.model.motion(i) for i in self.todo], self.model.tau, self.model.explained[self.todo])


@dataclass(frozen=True)
class Restored:
    """What an arm made of a clip, and in how many seconds of process time, the share of all arms left out."""

    arm: str
    frames: Frames
    seconds: float


def without_blend(stack: CandidateStack) -> CandidateStack:
    """Leave out the last candidate."""
    return CandidateStack(stack.index, stack.colours[:, :-1], stack.masks[:, :-1], stack.is_sharp[:, :-1])


def prepare(clip: Clip, flow: str = "medium") -> Prepared:
    """Estimate flow and blur of a clip, and stack the candidates of the frames that do not pass through."""
    began = time.process_time()
    labels = clip.labels
    aligner = Aligner(clip.blurry, flow)  # type: ignore[arg-type]
    model = fit_exposure_model(aligner, labels.is_selected)
    todo = [int(i) for i in np.flatnonzero(~model.confirmed_sharp(labels.is_selected))]
    blends = {i: blend(model, i, labels.selected) for i in todo}
    stack = stack_candidates(aligner, todo, labels.is_selected, blend=blends.__getitem__)
    return Prepared(clip, todo, model, stack, np.stack(list(blends.values())), time.process_time() - began)


def fit(
    prepared: Prepared,
    seed: int,
    values: Mapping[str, Any],
    *,
    with_blend: bool = False,
    pairs: Pairs | None = None,
) -> FusionFit:
    """Set up a fit to a prepared clip; ``run`` or the stages are up to the caller."""
    stack = prepared.stack if with_blend else prepared.plain
    settings = FusionFitSettings.model_validate(values)
    blur = prepared.blur if settings.reblur > 0 else None
    return FusionFit(stack, settings, Budget(seed=seed), blur, pairs=pairs)


def supervised_pairs(prepared: Prepared, truth: str = "centroid", *, with_blend: bool = False) -> Pairs:
    """Pair a clip's candidates with its truth; clips that have one truth alone give that."""
    truths = prepared.clip.truths
    frames = truths.get(truth, truths["mid"])
    return Pairs(prepared.stack if with_blend else prepared.plain, frames[prepared.todo])


def apply(network: FusionNetwork, prepared: Prepared, correction_steps: int = 0) -> Frames:
    """Restore a clip, fitted to or another, by a network: the candidates follow from the network."""
    stack = prepared.stack if network.candidates == prepared.stack.colours.shape[1] else prepared.plain
    return put_back(prepared, apply_fusion(network, stack, "cpu"), correction_steps)


def put_back(prepared: Prepared, pictures: NDArray[np.float32], correction_steps: int = 0) -> Frames:
    """Put restored pictures of ``todo`` between the frames that pass through."""
    frames = prepared.clip.blurry.copy()
    for i, picture in zip(prepared.todo, pictures, strict=True):
        frames[i] = np.rint(np.clip(corrected(picture, i, prepared.model, correction_steps), 0, 255))
    return frames


def controls(prepared: Prepared) -> Iterator[Restored]:
    """Restore without learning, the frames that were not selected alone, as the methods of that name do."""
    clip, model = prepared.clip, prepared.model
    yield Restored("input", clip.blurry, 0.0)

    def through(arm: str, picture: Callable[[int], Image]) -> Restored:
        began, frames = time.process_time(), clip.blurry.copy()
        for i in clip.todo:
            frames[i] = np.rint(picture(i))
        return Restored(arm, frames, time.process_time() - began)

    yield through("warp_average", lambda i: warp_average(model.aligner, i, sharp_neighbours(i, clip.labels.selected)))
    blends = dict(zip(prepared.todo, prepared.blends, strict=True))
    yield through("reblur_blend", lambda i: corrected(blends[i], i, model, CORRECTION_STEPS))


def arms(prepared: Prepared, seed: int) -> Mapping[str, Callable[[], Iterator[Restored]]]:
    """Return groups of arms that share work by name; each returns its arms when called."""
    return {
        "paper": lambda: _two_stages(prepared, seed, PLAIN, "", with_blend=False),
        "rc": lambda: _two_stages(prepared, seed, RC, " rc", with_blend=True),
        "pairs": lambda: _with_pairs(prepared, seed),
        "supervised": lambda: _supervised(prepared, seed, ""),
        "supervised rc": lambda: _supervised(prepared, seed, " rc"),
        "ren": lambda: _ren(prepared, seed),
    }


def _two_stages(
    prepared: Prepared, seed: int, values: Mapping[str, Any], suffix: str, *, with_blend: bool
) -> Iterator[Restored]:
    """Fit stage 1, then every way to go on."""
    steps = CORRECTION_STEPS if with_blend else 0
    began = time.process_time()
    start = fit(prepared, seed, values, with_blend=with_blend)
    network = start.first_stage()
    shared = time.process_time() - began
    yield Restored(f"stage 1{suffix}", apply(network, prepared, steps), time.process_time() - began)
    for part, switches in PARTS.items():
        if part == "goes on" and with_blend:
            continue
        began = time.process_time()
        network = start.branch(start.settings.model_copy(update=dict(switches))).second_stage()
        frames = apply(network, prepared, steps)
        yield Restored(f"{part}{suffix}", frames, shared + time.process_time() - began)


def _with_pairs(prepared: Prepared, seed: int) -> Iterator[Restored]:
    """Add pairs from sharp frames that were blurred again to stage 1, half of each batch, without and with re-blur."""
    began = time.process_time()
    random = np.random.default_rng(seed)
    selected = prepared.clip.labels.is_selected
    pairs = resynthesise(prepared.model, selected, random, count=PAIRS, with_blend=True)
    if pairs is None:
        return
    shared = time.process_time() - began
    for suffix, with_blend in (("", False), (" rc", True)):
        began = time.process_time()
        chosen = pairs if with_blend else replace(pairs, stack=without_blend(pairs.stack))
        values = WITH_PAIRS | ({"reblur": 1.0, "learn_blend": True} if with_blend else {})
        network = fit(prepared, seed, values, with_blend=with_blend, pairs=chosen).run()
        frames = apply(network, prepared, CORRECTION_STEPS if with_blend else 0)
        yield Restored(f"pairs{suffix}", frames, shared + time.process_time() - began)


def _supervised(prepared: Prepared, seed: int, suffix: str) -> Iterator[Restored]:
    """Fit to the truth itself: the upper bound of the network on these candidates."""
    began, with_blend = time.process_time(), bool(suffix)
    pairs = supervised_pairs(prepared, with_blend=with_blend)
    network = fit(prepared, seed, EXACT, with_blend=with_blend, pairs=pairs).run()
    yield Restored(f"supervised{suffix}", apply(network, prepared), time.process_time() - began)


def _ren(prepared: Prepared, seed: int) -> Iterator[Restored]:
    began = time.process_time()
    clip = prepared.clip
    network = fit_ren(clip.blurry[clip.labels.is_selected], seed)
    pictures = apply_ren(network, clip.blurry[prepared.todo])
    yield Restored("Ren-style L1", put_back(prepared, pictures), time.process_time() - began)
