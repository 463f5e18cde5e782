"""Exact flow between any two frames of a clip that hvdbench made, at mid-exposure or at the exposures' centroids."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.index import load_sets
from hvdbench.errors import DatasetError
from hvdbench.flow import Flow
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.store import Dataset
from hvdbench.synth.clip_plan import ClipPlan, ShakenClip, plan_clip, shake_clip
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array
from hvdbench.synth.goproshake import open_scenes
from hvdbench.synth.settings import DatasetSettings

SUB_FRAMES = 33


@dataclass(frozen=True)
class CentroidView(View):
    """A view whose pose at a time is the mean over the exposure about that time.

    Args:
        exposure_s: how long the shutter is open.
    """

    exposure_s: float = 0.0

    def homographies(self, layers: Any, t_s: Array, *, stabilised: bool = True) -> list[Array]:
        """Map each layer's texture to the frame at the mean pose, lens shift and offset about times: (*shape, 3, 3)."""
        flat = np.ravel(t_s)
        inside = self.exposure_s * ((np.arange(SUB_FRAMES) + 0.5) / SUB_FRAMES - 0.5)
        maps = self.centroid_homographies(layers, inside[:, None] + flat)
        return [H.reshape(*np.shape(t_s), 3, 3) for H in maps]


def shaken_again(dataset: Dataset) -> tuple[ShakenClip, ClipPlan]:
    """Simulate the camera of a one-clip dataset of embedded scenes again, as its recipe says.

    Raises:
        DatasetError: it does not come out as it was, or the recipe has a rolling shutter.
    """
    values = {key: value for key, value in dataset.manifest["recipe"].items() if key != "made_of"}
    settings = DatasetSettings.model_validate(values)
    clip = dataset.clips()[0]
    (scene,) = open_scenes(settings)
    plan = plan_clip(scene, settings, load_sets(settings.trajectories))
    shaken = shake_clip(scene, settings, plan)
    stored = clip.attributes()
    is_same = (stored["motions_rejected"], stored["reference_hz"]) == (shaken.draws, shaken.reference_hz)
    if settings.readout_s or not is_same:
        raise DatasetError(f"{clip.folder}: its camera does not come out as it was: make the clip again")
    return shaken, plan


@dataclass
class ExactFlows:
    """Exact flows of a clip at its exposures' centroids, kept once they are asked for.

    Args:
        shaken: the clip's camera.
        exposure_s: of every frame.
    """

    shaken: ShakenClip
    exposure_s: float
    _known: dict[tuple[int, int], Flow] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, dataset: Dataset) -> "ExactFlows":
        """Open a one-clip dataset."""
        shaken, plan = shaken_again(dataset)
        return cls(shaken, plan.exposure_s)

    def centroid(self, a: int, b: int) -> Flow:
        """Return flow_ab between the centroids of two exposures, (H, W, 2) px."""
        if (a, b) not in self._known:
            view, t_s = self.shaken.view, self.shaken.t_s
            mean = CentroidView(view.scene, view.path, view.depth_m, self.exposure_s)
            self._known[a, b] = mean.flow(float(t_s[a]), float(t_s[b]))
        return self._known[a, b]

    def mid(self, a: int, b: int) -> Flow:
        """Return flow_ab between the middles of two exposures, (H, W, 2) px."""
        t_s = self.shaken.t_s
        return np.asarray(self.shaken.view.flow(float(t_s[a]), float(t_s[b])), np.float32)


@dataclass
class ExactAligner(Aligner):
    """Warps along exact flow, masked by where the exact flows lead back: what alignment without error would give."""

    exact: ExactFlows = field(kw_only=True)

    def flow(self, a: int, b: int) -> Flow:
        """Return the exact ``flow_ab`` between the exposures' centroids."""
        return self.exact.centroid(a, b)


def end_point_error(found: Flow, exact: Flow) -> NDArray[np.float32]:
    """Return the length of the difference, (H, W) px."""
    return np.asarray(np.linalg.norm(found - exact, axis=-1), np.float32)
