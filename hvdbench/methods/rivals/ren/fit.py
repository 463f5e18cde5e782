"""Fit the network to one clip through the training loop that all methods share, and restore the clip with it."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import make_labels
from hvdbench.methods.foreign.single_image import FRAMES_AT_ONCE
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.inference.options import Extents
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.ren.losses import missing_vgg
from hvdbench.methods.rivals.ren.objective import RenObjective, window_px
from hvdbench.methods.rivals.ren.selection import as_sharp_as_chosen, label_by_mvl
from hvdbench.methods.rivals.ren.settings import RenSettings
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.weights.finding import find_weights

_KEY = "test/clip"


class ClipTraining(NetworkTraining[RenSettings]):
    """The training over the one clip of a reader in memory."""

    @property
    def window(self) -> WindowSettings:
        """The sharp crops: patches with the reach of the kernels around them."""
        return self.settings.window.model_copy(update={"crop_px": window_px(self.settings)})

    @property
    def splits(self) -> tuple[str, ...]:
        """No splits, because the one clip belongs to no dataset."""
        return ()

    def objective(self, seed: int = 0) -> RenObjective:
        """Make the objective of the fit.

        Raises:
            WeightsError: if named weights of VGG19 are missing, or its weights are damaged.
        """
        return RenObjective(self.settings, seed)


def fit_to_clip(settings: RenSettings, clip: Frames, budget: Budget) -> tuple[nn.Module, dict[str, object]]:
    """Fit a network to a clip, without a folder.

    Args:
        settings: settings of the fit; ``start_from`` names the weights that it starts from.
        clip: uint8 RGB (T, H, W, 3).
        budget: seed, device and progress.

    Returns:
        The network in evaluation, and the facts of the fit for the manifest.

    Raises:
        FitError: if the clip is flat or too small, or the loss exploded.
        WeightsError: if weights are missing, damaged, or of another network.
        KeyboardInterrupt: if the fit was asked to stop.
    """
    labels = label_by_mvl(clip, settings.segment_frames)
    # the minutes have set the steps; a limit of time would make the frames depend on the machine
    quiet = replace(budget, minutes=None)
    network, result = train_scheme(ClipTraining(settings), FramesReader(clip, labels, _KEY), None, quiet)
    if not result.is_finished:
        raise KeyboardInterrupt
    training = {key: value for key, value in result.facts.items() if key != "seconds"}
    missing = missing_vgg(settings.loss)
    off = [] if missing is None else [f"perceptual loss of VGG19 ({missing})"]
    return network, {
        "re_implementation": "from the paper; its authors published no code",
        "learned_from": labels.selected.tolist(),
        "steps": result.steps,
        "off": off,
        "training": training,
    }


def restore_kept(
    settings: RenSettings, network: nn.Module, clip: Frames, budget: Budget
) -> tuple[Frames, dict[str, Any]]:
    """Restore the frames of a clip that will be kept; the others stay as they are.

    Raises:
        InputError: if a window or tile does not suit the network.
        FitError: if the network returns a value that is not finite, or the memory does not suffice.
    """
    first, last = budget.keep or (0, len(clip))
    restored = clip.copy()
    if first >= last:
        return restored, {}
    asked = budget.inference
    video = ClipTraining(settings).as_video(network)
    if settings.blurs > 1:  # a network for clips needs the neighbours of the frames that are kept
        restoration = restore_with(video, clip, replace(budget, keep=None))
        restored[first:last] = restoration.frames[first:last]
    else:
        extents = Extents(window=asked.window or FRAMES_AT_ONCE, tile=asked.tile, precision=asked.precision)
        restoration = restore_with(video, clip[first:last], budget, extents=extents)
        restored[first:last] = restoration.frames
    if settings.keep_above is None:
        return restored, restoration.facts
    labels = label_by_mvl(clip, settings.segment_frames)
    stays = as_sharp_as_chosen(labels, settings.segment_frames, settings.keep_above)
    restored[stays] = clip[stays]
    return restored, restoration.facts | {"kept_as_they_are": np.flatnonzero(stays).tolist()}


def open_refined(settings: RenSettings) -> Method | None:
    """Open the method whose restored frames are fitted to; None for the clip itself.

    Raises:
        HvdbenchError: if there is no such method, or it cannot be used.
        WeightsError: if it is trained first and has no weights.
    """
    if not settings.refines:
        return None
    weights = find_weights(settings.refines_weights) if settings.refines_weights else None
    method = open_method(settings.refines, weights=weights)
    if method.is_trained and method.weights is None:
        raise WeightsError(
            f"'{settings.refines}', whose frames are to be refined, needs weights: name them with refines_weights"
        )
    return method


def refined_frames(
    settings: RenSettings, blurry: Frames, labels: SharpLabels, budget: Budget
) -> tuple[Frames, dict[str, object]]:
    """Restore a clip by the method that is refined, and return its frames with its facts; else return the clip.

    Raises:
        HvdbenchError: under the conditions of :func:`open_refined`, and of the method's own ``restore``.
    """
    method = open_refined(settings)
    if method is None:
        return blurry, {}
    if method.scheme.labeller != labels.labeller:
        labels = make_labels(method.scheme.labeller, blurry)
    # frames that are not kept may be chosen as sharp ones, so they are restored, too
    found = method.restore(blurry, labels, replace(budget, keep=None, minutes=None, steps=None))
    return found.frames, {"refined": {"method": method.name, "digest": method.digest, **found.facts}}
