"""Plan a clip whose blur is the mean of whole source frames, before a camera that stands still."""

from collections.abc import Callable
from dataclasses import dataclass

from hvdbench.errors import InputError
from hvdbench.frames import Image
from hvdbench.sources.scene import FilmedScene, Scene
from hvdbench.synth.averaging import RATE_TOLERANCE, AverageSettings, plan_windows
from hvdbench.synth.clip_plan import ClipPlan, ShakenClip
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.whole_frames import WholeFrames, still_path
from hvdbench.synth.settings import DatasetSettings


@dataclass(frozen=True)
class AveragedClip:
    """A clip of averaged frames.

    Args:
        settings: the recipe's values, with the rate that the stride gives.
        plan: the values of the clip, of which none is drawn.
        still: the scene in front of its camera, with the times of the frames.
        frames: what makes the exposures.
    """

    settings: DatasetSettings
    plan: ClipPlan
    still: ShakenClip
    frames: WholeFrames

    @property
    def facts(self) -> dict[str, float | str]:
        """What is stored of how the blur was made, beside the windows."""
        return {"blur": "average", "source_fps": self.frames.film.fps, "between": self.frames.between}


def check_filmed(scenes: list[Scene], settings: DatasetSettings) -> None:
    """Refuse scenes without frames where a recipe averages frames, and rates that do not go with its stride.

    Raises:
        InputError: if there is such a scene.
    """
    for scene in scenes if settings.blur == "average" else []:
        _at_stride(settings, _film_of(scene, settings))


def average_clip(scene: Scene, settings: DatasetSettings, brighten: Callable[[Image], Image]) -> AveragedClip:
    """Lay the windows of a clip over the frames of its scene.

    Args:
        scene: the scene, made of frames.
        settings: the recipe's values.
        brighten: applied to the light of each frame before it is averaged.

    Raises:
        DatasetError: if the film is shorter than one window.
        InputError: if the scene is not made of frames, or the rates do not go with the stride.
    """
    film = _film_of(scene, settings)
    settings = _at_stride(settings, film)
    average = settings.average or AverageSettings()
    windows = plan_windows(
        film.name,
        film.frame_count,
        window=average.window,
        stride=average.stride_at(film.fps, settings.fps),
        most=settings.frames_per_clip,
    )
    view = View(scene, still_path(film.frame_count / film.fps, film.focal_px), depth_m=1.0)
    frames = WholeFrames(film, view, windows, average.between, brighten, settings.subframes or 0)
    plan = ClipPlan(
        trajectory=None,
        hand="still",
        exposure_s=frames.exposure_s,
        stroke_deg=0.0,
        depth_m=1.0,
        frames=len(windows.truth_frame),
    )
    return AveragedClip(settings, plan, ShakenClip(view, frames.t_s, reference_hz=0.0, draws=0), frames)


def _film_of(scene: Scene, settings: DatasetSettings) -> FilmedScene:
    if not isinstance(scene, FilmedScene):
        raise InputError(
            f"blur 'average' averages the frames of a film, and '{scene.name}' of the source '{settings.source}' has "
            "none: use gopro, reds or folder with --src, and name the frames with --root"
        )
    return scene


def _at_stride(settings: DatasetSettings, film: FilmedScene) -> DatasetSettings:
    """Return the settings at the rate that the stride over a film gives."""
    average = settings.average or AverageSettings()
    fps = film.fps / average.stride_at(film.fps, settings.fps)
    if "fps" in settings.model_fields_set and abs(settings.fps / fps - 1.0) > RATE_TOLERANCE:
        raise InputError(
            f"a stride of {average.stride} frames over '{film.name}' at {film.fps:g} fps gives {fps:.6g} fps, and "
            f"{settings.fps:g} fps were asked for: leave out one of the two"
        )
    return settings.model_copy(update={"fps": fps})
