"""Whole datasets: fields, resuming, independence of the number of workers, GoPro's layout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.index import load_sets
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import DatasetError, RecipeError, TrajectoryError
from hvdbench.flow import warp
from hvdbench.frames import write_frame
from hvdbench.recipe import check, load_recipe, recipe_names
from hvdbench.store import Dataset
from hvdbench.synth.clip_plan import generator_for, plan_clip
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine

TINY = {
    "title": "tiny",
    "source": "sample",
    "seed": 3,
    "size": (64, 48),
    "frames_per_clip": 4,
    "clips": ("coffee", "cup"),
}


def settings(**values: object) -> DatasetSettings:
    return check("tiny.toml", TINY | values, DatasetSettings)


def make(out: Path, made: DatasetSettings, workers: int = 1, root: Path | None = None, **more: object) -> Dataset:
    return synthesise(
        made,
        "tiny",
        out,
        scenes=open_scenes(made, root),
        trajectories=load_sets(made.trajectories),
        origin="simulated",
        engine=Engine(workers),
        **more,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(tmp_path_factory.mktemp("tiny") / "data", settings())


def test_a_clip_has_every_field_that_readers_expect(tiny: Dataset) -> None:
    clip = next(clip for clip in tiny.clips("test") if clip.name == "cup")
    assert clip.blurry().shape == (4, 48, 64, 3)
    for which in ("mid", "centroid"):
        truth = clip.truth(which)
        assert truth is not None
        assert truth.shape == (4, 48, 64, 3)
    shapes = {
        "t_s": (4,),
        "exposure_s": (4,),
        "pose/rotation_wc": (4, 3, 3),
        "pose/position_w_m": (4, 3),
        "lens_shift_px": (4, 2),
        "exposure/residual_px": (4, 33, 2),
        "exposure/hand_px": (4, 33, 2),
        "oracle/class": (4,),
        "oracle/displacement_max_px": (4,),
        "oracle/displacement_median_px": (4,),
        "oracle/displacement_mean_px": (4,),
        "oracle/displacement_centre_px": (4,),
        "oracle/object_mask": (4, 48, 64),
    }
    for field, shape in shapes.items():
        values = clip.track(field)
        assert values is not None, field
        assert values.shape == shape
    samples = clip.track("path/t_s")
    assert samples is not None
    for field, columns in (("path/hand_deg", 3), ("path/lens_deg", 2), ("path/residual_deg", 3)):
        assert clip.track(field).shape == (len(samples), columns)  # type: ignore[union-attr]
    attributes = clip.attributes()
    assert attributes["origin"] == "simulated"
    assert attributes["scene_kind"] == "moving_object"
    assert attributes["trajectory"].startswith("handheld_simulated/")
    assert attributes["source"]
    assert not tiny.verify()


def test_tracks_agree_with_each_other(tiny: Dataset) -> None:
    clip = tiny.clips()[0]
    track = {name: clip.track(name) for name in ("path/hand_deg", "path/lens_deg", "path/residual_deg")}
    hand, lens, residual = (np.asarray(values) for values in track.values())
    np.testing.assert_allclose(residual[:, :2], hand[:, :2] - lens, atol=1e-9)
    np.testing.assert_allclose(residual[:, 2], hand[:, 2], atol=1e-9)
    inside = np.asarray(clip.track("exposure/residual_px"))
    np.testing.assert_allclose(inside[:, 16], 0.0, atol=1e-6)  # the middle sample is mid-exposure
    apart = np.linalg.norm(inside[:, :, None] - inside[:, None], axis=3).max(axis=(1, 2))
    np.testing.assert_allclose(apart, clip.track("oracle/displacement_centre_px"), rtol=1e-6)
    np.testing.assert_allclose(np.diff(np.asarray(clip.track("t_s"))), 1 / 30)


def test_two_workers_write_the_same_bytes(tiny: Dataset, tmp_path: Path) -> None:
    twice = make(tmp_path / "two", settings(), workers=2)
    assert twice.manifest["clips"] == tiny.manifest["clips"]
    for clip in tiny.clips():
        for file in [*sorted(clip.folder.rglob("*.png")), clip.tracks_path]:
            other = twice.folder / file.relative_to(tiny.folder)
            assert other.read_bytes() == file.read_bytes(), file.name


def test_a_clip_more_changes_no_other_clip(tiny: Dataset, tmp_path: Path) -> None:
    more = make(tmp_path / "three", settings(clips=("astronaut", "coffee", "cup")))
    assert tiny.manifest["clips"].items() < more.manifest["clips"].items()


def test_every_stage_between_light_and_frame_is_made_the_same_twice(tmp_path: Path) -> None:
    stages = {
        "readout_s": 0.012,
        "response": "srgb",
        "highlights": {},
        "noise": {"shot_range": (1e-3, 1e-2), "dark_range": (1e-5, 1e-3), "read": 0.0},
        "isp": {},
        "codec": {"preset": "ultrafast"},
        "oracle": {"statistic": "max"},
        "flow": True,
        "clips": ("coffee",),
    }
    once, twice = (make(tmp_path / name, settings(**stages)) for name in ("once", "twice"))
    assert once.manifest["clips"] == twice.manifest["clips"]
    (clip,) = once.clips()
    for field in ("oracle/flow_next", "oracle/flow_previous"):
        flow = clip.track(field)
        assert flow is not None
        assert flow.shape == (3, 48, 64, 2)
    strict = np.asarray(clip.track("oracle/displacement_max_px")) <= 0.003 * 64
    np.testing.assert_array_equal(np.asarray(clip.track("oracle/class")) == 0, strict)
    attributes = clip.attributes()
    assert 0.25 <= attributes["highlight_gain"] <= 5.0
    assert 18 <= attributes["crf"] <= 28
    assert 1e-3 <= attributes["noise_shot"] <= 1e-2
    assert once.manifest["recipe"]["made_of"]["response"] == "srgb"


def test_exact_flow_to_the_next_frame_carries_its_truth_there(tmp_path: Path) -> None:
    made = make(tmp_path / "d", settings(clips=("coffee",), frames_per_clip=2, flow=True, size=(128, 96)))
    (clip,) = made.clips()
    truth, flow = clip.truth("mid"), clip.track("oracle/flow_next")
    assert truth is not None
    assert flow is not None
    inner = (slice(16, -16), slice(16, -16))
    moved = np.abs(warp(truth[1], flow[0])[inner] - truth[0][inner].astype(np.float32)).mean()
    still = np.abs(truth[1][inner].astype(np.float32) - truth[0][inner]).mean()
    assert moved < 0.25 * still


def footage(folder: Path, size: tuple[int, int] = (192, 128)) -> Path:
    (folder / "clip").mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    for index in range(30):
        write_frame(folder / "clip" / f"{index}.png", picture)
    return folder


def test_a_motion_past_the_border_is_calmed_until_none_shows(tmp_path: Path) -> None:
    root = footage(tmp_path / "footage")
    made = settings(
        source="folder", clips=(), source_fps=30.0, frames_per_clip=20, size=None, mode="static", hand="hvd"
    )
    calm, wild = (
        make(tmp_path / f"{share}", made.model_copy(update={"margin_share": share}), root=root).clips()[0].attributes()
        for share in (0.2, 0.05)
    )
    assert (calm["reference_hz"], calm["motions_rejected"]) == (0.3, 0)
    assert wild["reference_hz"] > 0.3 or wild["motions_rejected"] > 0
    assert max(calm["border_px"], wild["border_px"]) <= 0.0
    with pytest.raises(DatasetError, match="px past the scene's border: give it a larger margin_share"):
        make(tmp_path / "none", made.model_copy(update={"margin_share": 0.005}), root=root)
    assert not list((tmp_path / "none").rglob("*.png"))


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    made = settings()
    make(tmp_path / "d", made)
    kept = tmp_path / "d" / "test" / "coffee" / "blur" / "00000000.png"
    before = kept.stat().st_mtime_ns
    first = Dataset.open(tmp_path / "d").manifest
    import shutil

    shutil.rmtree(tmp_path / "d" / "test" / "cup")
    lines: list[tuple[int, int, str]] = []
    again = make(tmp_path / "d", made, progress=lambda done, total, text: lines.append((done, total, text)))
    assert again.manifest["clips"] == first["clips"]
    assert kept.stat().st_mtime_ns == before
    assert [line[:2] for line in lines] == [(1, 2), (2, 2)]
    assert lines[-1][2] == "test/cup"


def test_other_values_are_refused_unless_overwriting(tmp_path: Path) -> None:
    make(tmp_path / "d", settings(clips=("coffee",), frames_per_clip=1))
    other = settings(clips=("coffee",), frames_per_clip=1, seed=4)
    with pytest.raises(DatasetError, match="other values"):
        make(tmp_path / "d", other)
    assert make(tmp_path / "d", other, overwrite=True).manifest["recipe"]["seed"] == 4


def test_other_scenes_or_paths_are_other_values(tmp_path: Path) -> None:
    made = settings(clips=("coffee",), frames_per_clip=1)
    make(tmp_path / "d", made)
    with pytest.raises(DatasetError, match="other values"):
        synthesise(
            made,
            "tiny",
            tmp_path / "d",
            scenes=open_scenes(made),
            trajectories=[],
            origin="simulated",
            engine=Engine(1),
        )


def test_a_gopro_folder_becomes_a_dataset_with_its_splits(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        folder = tmp_path / "gopro" / split / f"GOPR0372_{'07' if split == 'train' else '11'}_00"
        folder.mkdir(parents=True)
        still = generator.integers(0, 255, (72, 96, 3)).astype(np.uint8)
        for index in range(24):
            write_frame(folder / f"{index + 1:06d}.png", still)
    made = settings(source="gopro", clips=())
    dataset = make(tmp_path / "out", made, root=tmp_path / "gopro")
    assert sorted(dataset.manifest["clips"]) == ["test/GOPR0372_11_00", "train/GOPR0372_07_00"]
    clip = dataset.clips("train")[0]
    assert len(clip.blurry()) == 3  # 24 frames at 240 fps last 0.1 s
    assert clip.attributes()["scene_kind"] == "video"
    assert clip.track("oracle/object_mask") is None
    assert dataset.manifest["provenance"]["scenes"]["test/GOPR0372_11_00"]["licence"].startswith("CC BY")


def test_max_clips_counts_per_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            folder = tmp_path / split / f"{split}_{name}"
            folder.mkdir(parents=True)
            for index in range(2):
                write_frame(folder / f"{index}.png", np.zeros((72, 96, 3), np.uint8))
    scenes = open_scenes(settings(source="folder", clips=(), max_clips=1), tmp_path)
    assert [scene.name for scene in scenes] == ["train_a", "test_a"]


def test_no_scene_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    made = settings()
    scene = open_scenes(made)[0]
    for scenes in ([], [scene, scene]):
        with pytest.raises(DatasetError, match="scenes of different names"):
            synthesise(made, "t", tmp_path, scenes=scenes, trajectories=[], origin="demo", engine=Engine(1))


def test_a_path_too_short_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    short = Trajectory(np.array([0.0, 0.1]), np.tile([1.0, 0, 0, 0], (2, 1)), np.zeros((2, 3)))
    made = settings()
    with pytest.raises(TrajectoryError, match="too short"):
        synthesise(
            made,
            "t",
            tmp_path / "d",
            scenes=open_scenes(made),
            trajectories=[short],
            origin="demo",
            engine=Engine(1),
        )
    assert not (tmp_path / "d").exists()


def test_chance_hangs_on_seed_clip_and_purpose_alone() -> None:
    first = generator_for(1, "a", "noise").standard_normal(4)
    np.testing.assert_array_equal(first, generator_for(1, "a", "noise").standard_normal(4))
    for other in (generator_for(2, "a", "noise"), generator_for(1, "b", "noise"), generator_for(1, "a", "plan")):
        assert np.abs(first - other.standard_normal(4)).max() > 0.01


def test_a_plan_stays_within_the_recipes_ranges() -> None:
    made = settings(stroke_deg=(0.4, 1.0), exposure_share=(0.6, 0.7), scene_depth_m=(2.0, 4.0))
    scene = open_scenes(made)[0]
    for seed in range(30):
        plan = plan_clip(scene, made.model_copy(update={"seed": seed}), [])
        assert 0.4 <= plan.stroke_deg <= 1.0
        assert 0.6 / 30 <= plan.exposure_s <= 0.7 / 30
        assert 2.0 <= plan.depth_m <= 4.0
        assert plan.trajectory is None
        assert plan.hand == "shaky"


def test_a_clip_shorter_than_a_frame_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    for index in range(2):
        write_frame(tmp_path / "clip" / f"{index}.png", np.zeros((72, 96, 3), np.uint8))
    made = settings(source="folder", clips=(), source_fps=240.0)
    with pytest.raises(DatasetError, match="less than one frame"):
        plan_clip(open_scenes(made, tmp_path)[0], made, [])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"exposure_share": (0.8, 0.6)}, "must rise"),
        ({"ois": {"stroke_dg": 1}}, "unknown key 'stroke_dg'"),
        ({"hand": {"wobbly": 1.0}}, "wobbly"),
        ({"size": (8, 8)}, "'size', entry 1: Input should be greater than or equal to 16"),
        ({"simulate_hz": 10}, "simulate_hz"),
        ({"response": "gama2.2"}, "did you mean 'gamma2.2'"),
        ({"ois": {"kind": "eis"}, "readout_s": 0.016}, "end within each frame's time, and they take 1.33"),
    ],
)
def test_a_wrong_recipe_is_answered(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        settings(**values)


def test_every_dataset_recipe_is_read() -> None:
    assert {"demo", "goproshake"} <= set(recipe_names("datasets"))
    for name in recipe_names("datasets"):
        assert load_recipe("datasets", name, DatasetSettings).values.title


def test_the_hand_moves_the_camera_where_there_is_no_path(tmp_path: Path) -> None:
    made = settings(clips=("coffee",), frames_per_clip=2)
    scenes = open_scenes(made)
    dataset = synthesise(
        made, "t", tmp_path / "d", scenes=scenes, trajectories=[], origin="simulated", engine=Engine(1)
    )
    assert dataset.clips()[0].attributes()["trajectory"] == "hand model"
    assert replace(scenes[0]).name == "coffee"
