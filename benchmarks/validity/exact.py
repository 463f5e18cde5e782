"""Exact flow between any two frames of a clip that hvdbench made, at mid-exposure or at the exposures' centroids."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.hand import PresetName
from hvdbench.camera.index import NO_PATHS, load_sets
from hvdbench.errors import DatasetError
from hvdbench.flow import Flow
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.store import ClipFolder, Dataset
from hvdbench.synth.clip_plan import ClipPlan, ShakenClip, shake_clip
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


def shaken_again(dataset: Dataset, clip: ClipFolder, root: Path | None = None) -> ShakenClip:
    """Simulate the camera of a clip again, from the values that were drawn for it.

    Args:
        dataset: dataset that hvdbench made.
        clip: one of its clips.
        root: folder of the source's pictures, for a source that reads any.

    Raises:
        DatasetError: if no scene has the clip's name, or the camera does not come out as it was.
    """
    values = {key: value for key, value in dataset.manifest["recipe"].items() if key != "made_of"}
    settings, drawn = DatasetSettings.model_validate(values), clip.attributes()
    if settings.variants:
        settings = settings.as_variant(str(drawn["variant"]))
    scenes = [s for s in open_scenes(settings, root) if (s.split, s.name) == (clip.split, clip.name)]
    if not scenes:
        raise DatasetError(f"{clip.folder}: the recipe of its dataset has no scene of its name")
    paths = [] if settings.trajectories == NO_PATHS else load_sets(settings.trajectories)
    stored_path = {name: clip.track(name) for name in ("exposure_s", "pose/rotation_wc", "lens_shift_px")}
    exposure_s, rotation, lens = (np.asarray(values) for values in stored_path.values())
    plan = ClipPlan(
        trajectory=next((path for path in paths if path.name == drawn["trajectory"]), None),
        hand=cast(PresetName, drawn["hand"]),
        exposure_s=float(exposure_s[0]),
        stroke_deg=float(drawn["stroke_deg"]),
        depth_m=float(drawn["depth_m"]),
        frames=len(exposure_s),
    )
    shaken = shake_clip(scenes[0], settings, plan)
    path = shaken.view.path
    again = Rotation.from_rotvec(path.rotation_at(shaken.t_s)).as_matrix()
    if not (np.allclose(again, rotation, atol=1e-6) and np.allclose(path.lens_shift_at(shaken.t_s), lens, atol=1e-3)):
        raise DatasetError(f"{clip.folder}: its camera does not come out as it was: make the clip again")
    return shaken


@dataclass
class ExactFlows:
    """Exact flows of a clip at its exposures' centroids, kept once they are asked for.

    Args:
        shaken: the clip's camera.
        exposure_s: of every frame.
        readout_s: of the rolling shutter.
    """

    shaken: ShakenClip
    exposure_s: float
    readout_s: float = 0.0
    _known: dict[tuple[int, int], Flow] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, dataset: Dataset, clip: ClipFolder | None = None, root: Path | None = None) -> "ExactFlows":
        """Open a clip of a dataset, the first one if none is named; see :func:`shaken_again`."""
        clip = clip or dataset.clips()[0]
        exposure_s = np.asarray(clip.track("exposure_s"))
        return cls(shaken_again(dataset, clip, root), float(exposure_s[0]), float(clip.attributes()["readout_s"]))

    def centroid(self, a: int, b: int) -> Flow:
        """Return flow_ab between the centroids of two exposures, (H, W, 2) px."""
        if (a, b) not in self._known:
            view, t_s = self.shaken.view, self.shaken.t_s
            mean = CentroidView(view.scene, view.path, view.depth_m, self.exposure_s)
            self._known[a, b] = mean.flow(float(t_s[a]), float(t_s[b]), readout_s=self.readout_s)
        return self._known[a, b]

    def mid(self, a: int, b: int) -> Flow:
        """Return flow_ab between the middles of two exposures, (H, W, 2) px."""
        t_s = self.shaken.t_s
        return self.shaken.view.flow(float(t_s[a]), float(t_s[b]), readout_s=self.readout_s)


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
