"""GoProShake: sharp scenes and camera paths to a dataset of blurry clips in which sharp frames occur by nature."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.atomic import atomic_folder
from hvdbench.camera.motion import CameraPath
from hvdbench.camera.trajectory import Trajectory
from hvdbench.catalog import resolve
from hvdbench.engine import Engine
from hvdbench.errors import DatasetError
from hvdbench.frames import to_display, write_frame
from hvdbench.sources.scene import Scene, SourceOptions
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter
from hvdbench.synth.clip_plan import ClipPlan, generator_for, mid_exposure_times, plan_clip, shake_clip
from hvdbench.synth.exposure import Exposure, View, expose
from hvdbench.synth.sensor import expose_sensor
from hvdbench.synth.settings import DatasetSettings

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Job:
    folder: Path
    scene: Scene
    settings: DatasetSettings
    trajectories: tuple[Trajectory, ...]
    origin: str


def open_scenes(settings: DatasetSettings, root: Path | None = None) -> list[Scene]:
    """List the scenes that a recipe asks for, at most ``max_clips`` a split; pictures are not loaded yet.

    Args:
        settings: the recipe's values.
        root: the source's folder; unused by ``sample``.

    Raises:
        InputError: the source needs a folder, or the folder is not laid out as the source expects.
        UnknownNameError: no such source or scene.
    """
    options = SourceOptions(
        root=root,
        size=settings.size,
        focal_per_width=settings.focal_per_width,
        fps=settings.source_fps,
        mode=settings.mode,
        names=settings.clips,
    )
    scenes: list[Scene] = list(resolve("source", settings.source)(options).scenes())
    counts: dict[str, int] = {}
    chosen = []
    for scene in scenes:
        counts[scene.split] = counts.get(scene.split, 0) + 1
        if settings.max_clips is None or counts[scene.split] <= settings.max_clips:
            chosen.append(scene)
    return chosen


def synthesise(
    settings: DatasetSettings,
    recipe_name: str,
    out: Path,
    *,
    scenes: Sequence[Scene],
    trajectories: Sequence[Trajectory],
    origin: str,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Write a dataset, one clip a scene; clips that are finished are left as they are.

    The bytes depend on the recipe, scenes and paths alone: each clip draws from the seed and its own name.

    Args:
        settings: the recipe's values.
        recipe_name: the dataset's name.
        out: its folder.
        scenes: what is seen.
        trajectories: paths to draw from; empty: the hand model alone moves the camera.
        origin: ``demo``, ``simulated`` or ``measured``: what rows scored on the dataset are stamped with.
        engine: runs the clips.
        overwrite: begin anew where ``out`` holds a dataset made from other values.
        progress: called with clips done, clips in all, and a line for people.

    Raises:
        DatasetError: no scene, two scenes of one name, or ``out`` holds another dataset.
        TrajectoryError: a path is too short or has gaps.
    """
    keys = [f"{scene.split}/{scene.name}" for scene in scenes]
    if not keys or len(set(keys)) < len(keys):
        raise DatasetError(f"a dataset needs scenes of different names, found {', '.join(keys) or 'none'}")
    for path in trajectories:
        path.check_regular()
    made_of = {
        "scenes": keys,
        "trajectories": [path.name for path in trajectories],
        "source": sorted({s.kind for s in scenes}),
    }
    writer = DatasetWriter(
        out,
        name=recipe_name,
        origin=origin,
        recipe=settings.model_dump(mode="json") | {"made_of": made_of},
        provenance=_provenance(scenes, trajectories),
        overwrite=overwrite,
    )
    jobs = [
        _Job(writer.clip_folder(scene.split, scene.name).folder, scene, settings, tuple(trajectories), origin)
        for scene in scenes
        if not writer.has(scene.split, scene.name)
    ]
    done = len(scenes) - len(jobs)
    if progress:
        progress(done, len(scenes), f"{done} of {len(scenes)} clips were finished" if done else "begin")
    for index, digest in engine.map(_write_clip, jobs):
        writer.finish(ClipFolder(jobs[index].folder), digest)
        done += 1
        if progress:
            progress(done, len(scenes), f"{jobs[index].scene.split}/{jobs[index].scene.name}")
    return writer.dataset()


def _provenance(scenes: Sequence[Scene], trajectories: Sequence[Trajectory]) -> Mapping[str, Any]:
    return {
        "scenes": {
            f"{scene.split}/{scene.name}": {"kind": scene.kind, "source": scene.provenance, "licence": scene.licence}
            for scene in scenes
        },
        "trajectories": {path.name: path.origin for path in trajectories} or {"hand model": "simulated"},
    }


def _write_clip(job: _Job) -> str:
    """Render and write one clip, whole or not at all; return its digest."""
    cv2.setNumThreads(1)
    settings, scene = job.settings, job.scene
    plan = plan_clip(scene, settings, job.trajectories)
    path = shake_clip(scene, settings, plan)
    view = View(scene, path, plan.depth_m)
    times = mid_exposure_times(settings, plan.frames)
    noise = generator_for(settings.seed, scene.name, "noise")
    with atomic_folder(job.folder) as folder:
        for name in ("blur", *TRUTH_FOLDERS.values()):
            (folder / name).mkdir()
        exposures: list[Exposure] = []
        for index, time in enumerate(times):
            exposure = expose(
                view, float(time), plan.exposure_s, step_px=settings.step_px, sub_frame_hz=settings.sub_frame_hz
            )
            file = f"{index:08d}.png"
            blurry = expose_sensor(exposure.blurry, settings.noise, noise, settings.gamma)
            write_frame(folder / "blur" / file, blurry)
            write_frame(folder / TRUTH_FOLDERS["mid"] / file, to_display(exposure.mid, settings.gamma))
            write_frame(folder / TRUTH_FOLDERS["centroid"] / file, to_display(exposure.centroid, settings.gamma))
            exposures.append(_without_pictures(exposure))
        _write_tracks(folder / "tracks.h5", job, plan, path, times, exposures)
        return ClipFolder(folder).digest()


def _without_pictures(exposure: Exposure) -> Exposure:
    empty = np.zeros((0, 0, 3), np.float32)
    return Exposure(empty, empty, empty, exposure.displacement, exposure.object_mask, exposure.sub_frames)


def _write_tracks(
    file: Path,
    job: _Job,
    plan: ClipPlan,
    path: CameraPath,
    times: NDArray[np.float64],
    exposures: Sequence[Exposure],
) -> None:
    """Write ``tracks.h5``; ``docs/store.md`` lists the fields."""
    width = job.scene.size[0]
    moved = [exposure.displacement for exposure in exposures]
    extent = np.stack([one.extent_px for one in moved])
    inside = path.t_s <= times[-1] + 0.5 / job.settings.fps
    fields: dict[str, NDArray[Any]] = {
        "t_s": times,
        "exposure_s": np.full(len(times), plan.exposure_s),
        "pose/rotation_wc": np.asarray(Rotation.from_rotvec(path.rotation_at(times)).as_matrix()),
        "pose/position_w_m": path.position_at(times),
        "lens_shift_px": path.lens_shift_at(times),
        "exposure/residual_px": np.stack([one.centre_px for one in moved]),
        "exposure/hand_px": np.stack([one.hand_px for one in moved]),
        "exposure/sub_frames": np.array([exposure.sub_frames for exposure in exposures]),
        "path/t_s": path.t_s[inside],
        "path/hand_deg": np.degrees(path.rotation_vector_wc[inside]),
        "path/lens_deg": np.degrees(path.lens_rad[inside]),
        "path/residual_deg": np.degrees(path.residual_rad[inside]),
        "oracle/class": np.array([one.label(width) for one in moved], np.int8),
        "oracle/displacement_max_px": extent.max(axis=1),
        "oracle/displacement_median_px": np.median(extent, axis=1),
        "oracle/displacement_mean_px": extent.mean(axis=1),
        "oracle/displacement_centre_px": extent[:, extent.shape[1] // 2],
    }
    masks = [exposure.object_mask for exposure in exposures]
    if masks[0] is not None:
        fields["oracle/object_mask"] = np.stack([mask for mask in masks if mask is not None])
    attributes = {
        "origin": job.origin,
        "source": job.scene.provenance,
        "licence": job.scene.licence,
        "trajectory": plan.trajectory.name if plan.trajectory else "hand model",
        "trajectory_origin": plan.trajectory.origin if plan.trajectory else "simulated",
        "scene_kind": job.scene.kind,
        "hand": plan.hand,
        "stroke_deg": plan.stroke_deg,
        "focal_px": job.scene.focal_px,
        "depth_m": plan.depth_m,
        "fps": job.settings.fps,
    }
    with h5py.File(file, "w") as tracks:
        for name, values in fields.items():
            packed = {"compression": "gzip", "compression_opts": 4} if values.nbytes > 4096 else {}
            tracks.create_dataset(name, data=values, track_times=False, **packed)
        tracks.attrs.update(attributes)
