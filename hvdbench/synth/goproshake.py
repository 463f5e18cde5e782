"""Make GoProShake: from sharp scenes and camera paths, a dataset of blurry clips in which some frames are sharp.

The sharp frames occur as they do in nature, where the camera happens to be at rest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hvdbench.camera.trajectory import Trajectory
from hvdbench.catalog import resolve
from hvdbench.errors import DatasetError, HvdbenchError, InputError
from hvdbench.frames import Frame, Image, write_frame
from hvdbench.response import Response, open_response
from hvdbench.sources.scene import Scene, SourceOptions
from hvdbench.store import SERIES_FOLDER, TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter, Truth
from hvdbench.synth.averaged_clip import average_clip, check_filmed
from hvdbench.synth.clip_plan import ClipPlan, ShakenClip, draw_variant, generator_for, plan_clip, shake_clip
from hvdbench.synth.development.developer import Developer
from hvdbench.synth.development.highlights import BrightScene, expand_highlights
from hvdbench.synth.exposure.one_exposure import Exposure, expose
from hvdbench.synth.settings import DatasetSettings
from hvdbench.synth.tracks import SynthesisedClip, write_tracks
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.imports import is_import_string
from hvdbench.workspace.names import checked_keys
from hvdbench.workspace.progress import Progress


@dataclass(frozen=True)
class _Job:
    folder: Path
    scene: Scene
    settings: DatasetSettings
    trajectories: tuple[Trajectory, ...]
    origin: str


def open_scenes(settings: DatasetSettings, root: Path | None = None) -> list[Scene]:
    """List the scenes of a recipe, at most ``max_clips`` per split; their pictures are not loaded yet.

    Args:
        settings: the recipe's values.
        root: the source's folder; the source ``sample`` does not use it.

    Raises:
        InputError: if the source needs a folder, or the folder does not have the layout that the source expects, or a
            source of the user's own fails, or a scene has no frames to average.
        UnknownNameError: if there is no such source or scene.
    """
    options = SourceOptions(
        root=root,
        size=settings.size,
        focal_per_width=settings.focal_per_width,
        fps=settings.source_fps,
        mode=settings.mode,
        names=settings.clips,
        interpolate=settings.interpolate,
        response=settings.response,
        margin_share=settings.margin_share,
        views=settings.views,
        split=settings.split,
        test_names=settings.test_clips,
        whole_frames=settings.blur == "average",
    )
    source = resolve("source", settings.source)
    try:
        scenes: list[Scene] = list(source(options).scenes())
    except HvdbenchError:
        raise
    except Exception as error:
        if not is_import_string(settings.source):
            raise
        lacks = "" if root else "; no folder was given to it, and nothing replaces such a source: name one with --root"
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"source '{settings.source}' failed as it listed its scenes: {reason}{lacks}") from error
    counts: dict[str, int] = {}
    chosen = []
    for scene in scenes:
        counts[scene.split] = counts.get(scene.split, 0) + 1
        if settings.max_clips is None or counts[scene.split] <= settings.max_clips:
            chosen.append(scene)
    check_filmed(chosen, settings)
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
    """Write a dataset with one clip per scene; finished clips are left unchanged.

    The bytes depend only on the recipe, the scenes and the paths, since each clip draws from the seed and its own name.

    Args:
        settings: the recipe's values.
        recipe_name: the dataset's name.
        out: the dataset's folder.
        scenes: the scenes to render.
        trajectories: the paths to draw from; if empty, only the hand model moves the camera.
        origin: ``demo``, ``simulated`` or ``measured``, which every row scored on the dataset carries.
        engine: what runs the jobs, one per clip.
        overwrite: whether to start again where ``out`` contains a dataset made from other values.
        progress: function called with clips done, clips in all, and a line of text.

    Raises:
        DatasetError: if there is no scene, two scenes have one name, or ``out`` contains another dataset.
        InputError: if the name of a scene or of the dataset could be a path.
        TrajectoryError: if a path is too short or has gaps.
    """
    keys = [f"{scene.split}/{scene.name}" for scene in scenes]
    if not keys or len(set(keys)) < len(keys):
        raise DatasetError(f"a dataset needs scenes of different names, found {', '.join(keys) or 'none'}")
    checked_keys(keys, "the scene")
    for path in trajectories:
        path.check_regular()
    made_of = {
        "scenes": keys,
        "trajectories": [path.name for path in trajectories],
        "source": sorted({s.kind for s in scenes}),
        "response": open_response(settings.response).name,
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
    """Render and write one clip, whole or not at all, and return its digest."""
    cv2.setNumThreads(1)
    scene, facts = job.scene, dict[str, float | str]()
    variant, settings = draw_variant(job.settings, scene.name)
    if variant:
        facts["variant"] = variant
    gain, knee = 0.0, 0.0
    if settings.highlights is not None:
        gain = settings.highlights.draw_gain(generator_for(settings.seed, scene.name, "highlights"))
        knee = settings.highlights.knee
        facts["highlight_gain"] = gain
    windows = None
    if settings.blur == "average":
        averaged = average_clip(scene, settings, partial(expand_highlights, gain=gain, knee=knee))
        settings, plan, shaken = averaged.settings, averaged.plan, averaged.still
        made, windows = averaged.frames.exposures(), averaged.frames.windows
        facts |= averaged.facts
    else:
        scene = scene if settings.highlights is None else BrightScene(scene, gain, knee)
        plan = plan_clip(scene, settings, job.trajectories)
        shaken = shake_clip(scene, settings, plan)
        made = _exposures(shaken, settings, plan)
    developer = Developer(
        open_response(settings.response),
        generator_for(settings.seed, scene.name, "noise"),
        sensor=settings.noise,
        isp=settings.isp,
        codec=settings.codec,
    )
    with atomic_folder(job.folder) as folder:
        exposures: list[Exposure] = []
        truths: tuple[Truth, ...] = ("mid",) if windows else ("mid", "centroid")
        series = (SERIES_FOLDER,) if settings.subframes else ()
        for name in ("blur", *(TRUTH_FOLDERS[truth] for truth in truths), *series):
            (folder / name).mkdir()
        blurry = _expose_clip(made, settings, developer, folder, truths, exposures)
        for index, frame in enumerate(developer.clip(blurry, fps=settings.fps)):
            write_frame(folder / "blur" / f"{index:08d}.png", frame)
        facts |= developer.drawn()
        clip = SynthesisedClip(job.origin, settings, plan, shaken, exposures, facts, windows)
        write_tracks(folder / "tracks.h5", clip)
        return ClipFolder(folder).digest()


def _exposures(shaken: ShakenClip, settings: DatasetSettings, plan: ClipPlan) -> Iterator[Exposure]:
    """Expose the frames of a clip along the motion of its camera."""
    for time in shaken.t_s:
        yield expose(
            shaken.view,
            float(time),
            plan.exposure_s,
            step_px=settings.step_px,
            sub_frame_hz=settings.sub_frame_hz,
            readout_s=settings.readout_s,
            kept=settings.subframes or 0,
        )


def _expose_clip(
    made: Iterable[Exposure],
    settings: DatasetSettings,
    developer: Developer,
    folder: Path,
    truths: Sequence[Truth],
    exposures: list[Exposure],
) -> Iterator[Frame]:
    """Develop a clip frame by frame: write its truths, record the oracle's values, and yield the blurry frame."""
    response = developer.response
    for index, exposure in enumerate(made):
        for truth in truths:
            light = exposure.mid if truth == "mid" else exposure.centroid
            write_frame(
                folder / TRUTH_FOLDERS[truth] / f"{index:08d}.png", developer.truth(lit(light, settings, response))
            )
        for number, light in enumerate(exposure.kept, start=1):
            sharp = developer.truth(lit(light, settings, response))
            write_frame(folder / SERIES_FOLDER / f"{index:08d}_{number}.png", sharp)
        exposures.append(_without_pictures(exposure))
        yield developer.frame(lit(exposure.blurry, settings, response))


def lit(light: Image, settings: DatasetSettings, response: Response) -> Image:
    """Apply a recipe's contrast, about level 128, and then its light to linear light."""
    if settings.contrast != 1.0:
        middle = response.to_light(np.array([128], np.uint8))[0]
        light = middle + np.float32(settings.contrast) * (light - middle)
    return np.asarray(np.float32(settings.light) * light, np.float32)


def _without_pictures(exposure: Exposure) -> Exposure:
    empty = np.zeros((0, 0, 3), np.float32)
    return replace(exposure, blurry=empty, mid=empty, centroid=empty, kept=())
