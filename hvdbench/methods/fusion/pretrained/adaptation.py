"""Adapt the pre-trained fusion to one clip by the clip's own sharp frames, and keep it only where it helped.

Stage 1 of SelfHVD (Eqs. 3 to 6 and 13, without the VGG term) starts from weights of other scenes here, and exact
places (:mod:`hvdbench.methods.fusion.pretrained.places`) share its batches. Some of the clip's sharp frames are held
out, and measure the weights before and after in two ways: blurred again, as what is to be restored; and warped onto the
blurry frames beside them, as what these should look like. Neither alone is enough: on a validation clip the first grew
by 2.5 dB while the true frames lost 0.4, because our blur is no camera's, and the second rewards what is soft. Nor are
both together: on one of three validation clips they approve of a loss of 0.1 dB (docs/fusion.md).
"""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor

from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.fusion.pretrained.objective import charbonnier, drawn_anew
from hvdbench.methods.fusion.pretrained.places import Place, PlaceMaker
from hvdbench.methods.fusion.pretrained.settings import FusionTrainingSettings
from hvdbench.methods.restoration import Budget
from hvdbench.methods.scheme import FitCost
from hvdbench.networks.candidate_fusion import CandidateFusion

_LEVEL = 0.95
_DRAWS = 2  # places of each frame that is held out
_BESIDE = 3  # about as many blurry frames are near one
_FEWEST_SHARP = 4
_TIMED_STEPS = 3
_JUDGES = ("held_out", "neighbours")


@dataclass(frozen=True)
class Adaptation:
    """The outcome of an adaptation.

    Attributes:
        network: the network to restore with, adapted or as it was.
        facts: JSON values: steps, seconds, held-out frames, PSNR before and after, whether it was kept, and all of this
            in a sentence, ``said``.
    """

    network: CandidateFusion
    facts: dict[str, object]


def adapt(
    network: CandidateFusion,
    model: ExposureModel,
    labels: SharpLabels,
    settings: FusionTrainingSettings,
    budget: Budget,
) -> Adaptation:
    """Adapt a copy of the network to a clip, in ``settings.adaptation.steps`` steps.

    Args:
        network: network with its weights, in evaluation; it stays as it is.
        model: blur model of the clip.
        labels: labels of the clip's T frames.
        settings: settings of the method.
        budget: seed, threads, device and progress.
    """
    started, how = time.perf_counter(), settings.adaptation
    is_selected, sharp = labels.is_selected, np.flatnonzero(model.confirmed_sharp(labels.is_passed))
    if len(sharp) < _FEWEST_SHARP or is_selected.all():
        return _unchanged(
            network,
            f"{len(sharp)} frames are surely sharp and {int((~is_selected).sum())} are not selected, and an adaptation "
            f"needs {_FEWEST_SHARP} and 1",
        )
    held = hold_out(sharp, how.held_out)
    maker = PlaceMaker(model, is_selected, how.item_px, budget.seed, budget.workers)
    budget.progress(0, how.steps, "prepare to adapt")
    judges = [maker.exact([int(k) for k in held], _DRAWS * len(held), held), maker.judging(held)]
    learned = np.setdiff1d(sharp, held)
    exact = maker.exact([int(k) for k in learned], how.items, held) if how.exact_share > 0 else []
    warped = maker.warped(how.items, held) if how.exact_share < 1 else []
    before = [held_out_psnr(network, places, budget.device) for places in judges]
    fit = AdaptationFit(network, exact, warped, settings, budget)
    for step in range(how.steps):
        fit.step()
        budget.progress(step + 1, how.steps, "adapt to the clip")
    after = [held_out_psnr(fit.averaged, places, budget.device) for places in judges]
    gains = [
        gain_of(was, becomes, [place.frame for place in places])
        for was, becomes, places in zip(before, after, judges, strict=True)
    ]
    kept = all(low > 0 for _, low in gains)
    facts: dict[str, object] = {
        "steps": how.steps,
        "seconds": round(time.perf_counter() - started, 1),
        "held_out_frames": held.tolist(),
        "kept": kept,
    }
    told = []
    for name, was, becomes, (gain, low) in zip(_JUDGES, before, after, gains, strict=True):
        found = [round(float(np.mean(values)), 3) if len(values) else None for values in (was, becomes)]
        facts[f"{name}_psnr_before"], facts[f"{name}_psnr_after"] = found
        facts[f"{name}_gain_db"] = round(gain, 3)
        facts[f"{name}_gain_low_db"] = round(low, 3) if math.isfinite(low) else None
        told.append(
            "nothing to compare" if found[0] is None else f"{found[0]:.2f} dB before and {found[1]:.2f} dB after"
        )
    measured = (
        f"{len(held)} sharp frames were held out; blurred again and restored: {told[0]}; compared with restored frames "
        f"beside them: {told[1]}"
    )
    said = (
        f"held-out frames approve of the adaptation to the clip, so its weights are used ({measured}); they have been "
        "wrong before, so compare the result with one made without --minutes and --steps"
    )
    if not kept:
        said = f"the adaptation to the clip did not surely help, so the weights stay as they were ({measured})"
    return Adaptation(fit.averaged if kept else network, facts | {"said": said})


def _unchanged(network: CandidateFusion, why: str) -> Adaptation:
    return Adaptation(network, {"steps": 0, "kept": False, "said": f"no adaptation was made: {why}"})


def hold_out(sharp: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Choose the sharp frames that nothing is learned from: every third, evenly spread where these are too many."""
    third = sharp[1::3]
    chosen = np.unique(np.linspace(0, len(third) - 1, min(most, len(third))).round().astype(int))
    return np.asarray(third[chosen], np.intp)


def adaptation_cost(
    network: CandidateFusion,
    model: ExposureModel,
    labels: SharpLabels,
    settings: FusionTrainingSettings,
    budget: Budget,
) -> FitCost:
    """Time a few steps, and as many places as there are threads, to know what an adaptation to a like clip takes.

    Args:
        network: network with its weights.
        model: blur model of a few frames of the clip.
        labels: labels of these T frames, of which at least one is selected and one is not.
        settings: settings of the method.
        budget: seed, threads and device.
    """
    how, nothing = settings.adaptation, np.array([], np.intp)
    maker = PlaceMaker(model, labels.is_selected, how.item_px, budget.seed, budget.workers)
    sharp = [int(k) for k in labels.selected]
    started = time.perf_counter()
    made = maker.exact(sharp, budget.workers, nothing)
    of_place = (time.perf_counter() - started) / len(made)
    started = time.perf_counter()
    held_out_psnr(network, made, budget.device)
    of_measure = (time.perf_counter() - started) / len(made)
    fit = AdaptationFit(network, made, (), settings, budget)
    fit.step()
    started = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        fit.step()
    of_step = (time.perf_counter() - started) / _TIMED_STEPS
    kinds = int(how.exact_share > 0) + int(how.exact_share < 1)
    judged = (_DRAWS + _BESIDE) * how.held_out
    return FitCost((kinds * how.items + judged) * of_place + 2 * judged * of_measure, of_step)


class AdaptationFit:
    """A fit of a copy of the network to places of one clip; the same seed gives the same steps, whatever their number.

    Args:
        network: network to start from.
        exact, warped: places of each kind; either may be empty.
        settings: settings of the method.
        budget: seed and device.
    """

    def __init__(
        self,
        network: CandidateFusion,
        exact: Sequence[Place],
        warped: Sequence[Place],
        settings: FusionTrainingSettings,
        budget: Budget,
    ) -> None:
        self.settings, self.device = settings, budget.device
        self.network = copy.deepcopy(network).train().requires_grad_(requires_grad=True)
        self.averaged = copy.deepcopy(network).eval()
        self._kinds = (exact, warped)
        self._random = np.random.default_rng([budget.seed, 1])
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.adaptation.learning_rate)
        self._done = 0

    def step(self) -> float:
        """Make one step and return its loss, a mean of Charbonnier distances, each divided by its mean mask."""
        how = self.settings.adaptation
        share = min(1.0, (self._done + 1) / (how.warm_up_steps + 1))
        for group in self._optimiser.param_groups:
            group["lr"] = share * how.learning_rate
        planes, label, mask = self._batch()
        distance = charbonnier(self.network(planes) - label, self.settings.charbonnier_epsilon)
        loss = (distance.mean(dim=1, keepdim=True) * mask).mean() / mask.mean().clamp(min=1e-3)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self._done += 1
        with torch.no_grad():
            decay = min(how.ema_decay, self._done / (self._done + 1))
            for mean, weight in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)
        return float(loss.detach())

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw crops: planes (N, PLANES, h, w), labels (N, 3, h, w) and masks (N, 1, h, w)."""
        how, drawn = self.settings.adaptation, list[tuple[Tensor, list[Tensor]]]()
        exact, warped = self._kinds
        for _ in range(how.batch):
            kind = exact if not warped or (exact and self._random.random() < how.exact_share) else warped
            place = kind[int(self._random.integers(len(kind)))]
            height, width = place.label.shape[1:]
            side = min(how.crop_px, height // 2 * 2, width // 2 * 2)
            top, left = (int(self._random.integers(0, length - side + 1)) for length in (height, width))
            box = (slice(None), slice(top, top + side), slice(left, left + side))
            planes, label, mask = (
                torch.from_numpy(np.ascontiguousarray(part[box])).to(self.device).float() / 255
                for part in (place.planes, place.label, place.mask)
            )
            drawn.append(drawn_anew(planes, [label, mask], self._random, mix_colours=self.settings.mix_colours))
        labels, masks = (torch.stack([others[k] for _, others in drawn]) for k in range(2))
        return torch.stack([planes for planes, _ in drawn]), labels, masks


def held_out_psnr(network: CandidateFusion, places: Sequence[Place], device: str) -> NDArray[np.float64]:
    """Measure the PSNR of restored places where their masks trust the label, in dB, one for each."""
    found = []
    for place in places:
        height, width = (side // 2 * 2 for side in place.label.shape[1:])
        planes = torch.from_numpy(place.planes[None, :, :height, :width]).to(device).float() / 255
        with torch.inference_mode():
            restored = network(planes)[0].clamp(0, 1).cpu().numpy()
        mask = place.mask[0, :height, :width] / 255.0
        square = ((255 * restored - place.label[:, :height, :width]) ** 2).mean(axis=0)
        error = float((mask * square).sum() / max(mask.sum(), 1.0))
        found.append(10 * math.log10(255**2 / max(error, 1e-4)))
    return np.array(found)


def gain_of(before: NDArray[np.float64], after: NDArray[np.float64], frames: Sequence[int]) -> tuple[float, float]:
    """Return the mean gain in dB and the lower end of its one-sided 95 % interval, by Student's t over frames.

    Args:
        before, after: measured PSNR of each place, dB.
        frames: frame of each place; places of one frame are one measurement.
    """
    of_frame = [float(np.mean((after - before)[np.array(frames) == frame])) for frame in dict.fromkeys(frames)]
    count = len(of_frame)
    gain = float(np.mean(of_frame)) if count else 0.0
    if count < 2:
        return gain, -math.inf
    error = float(np.std(of_frame, ddof=1)) / math.sqrt(count)
    return gain, gain - float(student.ppf(_LEVEL, count - 1)) * error
