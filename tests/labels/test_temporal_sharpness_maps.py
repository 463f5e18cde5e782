"""Maps of temporal sharpness: what they show, the labeller made of them, and the command that writes them."""

import json

import cv2
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from made_shake import make_shake, make_shaken_dataset

from hvdbench.cli.data.label import label
from hvdbench.errors import InputError
from hvdbench.frames import write_clip
from hvdbench.labels.clips import find_clips
from hvdbench.labels.sharpness_maps import write_maps
from hvdbench.labels.temporal_sharpness import (
    MAP_FOLDER,
    SharpnessMapper,
    label_temporal_sharpness,
    mean_agreement,
    sharpness_maps,
)


def scene(height: int = 40, width: int = 60) -> np.ndarray:
    coarse = np.random.default_rng(2).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def run(*arguments):
    return CliRunner().invoke(label, [str(argument) for argument in arguments], prog_name="hvdbench label")


@pytest.mark.parametrize("form", ["meant", "published"])
def test_a_clip_that_does_not_change_agrees_with_itself_everywhere(form):
    found = list(sharpness_maps([scene()] * 4, form))
    assert len(found) == 4
    np.testing.assert_allclose(np.stack(found), 1, rtol=1e-6)  # rounding of the warp


def test_a_frame_that_is_blurred_among_sharp_ones_has_the_lowest_map_and_no_label():
    frames = np.stack([scene()] * 7)
    frames[3] = cv2.blur(frames[3], (7, 1))
    labels = label_temporal_sharpness(frames)
    assert labels.labeller == "temporal_sharpness"
    assert int(np.argmin(labels.sharpness)) == 3
    np.testing.assert_allclose(labels.sharpness[[0, 1, 5, 6]], 1, rtol=1e-6)
    assert not labels.is_sharp[3]
    assert labels.is_sharp[[0, 1, 5, 6]].all()
    means = [mean_agreement(found) for found in sharpness_maps(frames)]
    np.testing.assert_array_equal(labels.sharpness, means)


def test_a_mapper_makes_the_maps_that_are_wanted_alone():
    frames = [scene(), cv2.blur(scene(), (7, 1)), scene() // 2, scene()]
    every, some = list(sharpness_maps(frames)), SharpnessMapper(wanted={0, 2}.__contains__)
    found = [some.add(frame) for frame in frames]
    assert [one is None for one in found] == [True, False, True, False]
    np.testing.assert_array_equal(found[1], every[0])
    np.testing.assert_array_equal(found[3], every[2])
    np.testing.assert_array_equal(some.last(), every[3])


def test_an_end_is_compared_twice_with_its_one_neighbour():
    still, changed = scene(), scene() // 2
    mapper = SharpnessMapper()
    assert mapper.add(still) is None
    first, middle, last = mapper.add(changed), mapper.add(still), mapper.last()
    np.testing.assert_array_equal(first, last)
    assert middle.shape == (40, 60)
    two = SharpnessMapper()
    two.add(still)
    np.testing.assert_array_equal(two.add(changed), first)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="the clip has 1 frame: it needs two"):
        list(sharpness_maps([scene()]))
    with pytest.raises(InputError, match="the clip has 0 frames"):
        label_temporal_sharpness(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"a frame is \(40, 60, 3\), and the one before it \(20, 60, 3\)"):
        list(sharpness_maps([scene(20), scene(40)]))
    with pytest.raises(InputError, match="found float64"):
        list(sharpness_maps([scene() / 255]))
    assert mean_agreement(np.zeros((4, 4), np.float32)) == 0


def test_the_command_writes_a_picture_and_the_exact_values_of_each_frame(tmp_path):
    frames = make_shake(frames=5).blurry
    write_clip(tmp_path / "walk", frames)
    answer = run("map", tmp_path / "walk", "-o", tmp_path / "maps", "--hdf5", tmp_path / "maps.h5")
    assert answer.exit_code == 0, answer.output
    wanted = np.stack(list(sharpness_maps(frames)))
    with h5py.File(tmp_path / "maps.h5") as file:
        kept = file["walk/temporal_sharpness"]
        assert (kept.dtype, file.attrs["form"]) == (np.float32, "meant")
        np.testing.assert_array_equal(kept[()], wanted)
    pictures = sorted((tmp_path / "maps/walk").glob("*.png"))
    assert [path.stem for path in pictures] == [path.stem for path in sorted((tmp_path / "walk").iterdir())]
    for path, one in zip(pictures, wanted, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.rint(255 * one).astype(np.uint8))
    again = run("map", tmp_path / "walk", "-o", tmp_path / "maps", "--as", "published")
    assert again.exit_code == 0, again.output
    assert json.loads((tmp_path / "maps/walk/maps.json").read_text())["form"] == "published"


def test_a_dataset_keeps_its_maps_beside_the_frames_and_stays_whole(tmp_path):
    dataset = make_shaken_dataset(tmp_path / "set", {"a": make_shake(frames=4)})
    before = dataset.digest
    assert run("map", dataset.folder).exit_code == 0
    folder = dataset.folder / "test/a" / MAP_FOLDER
    assert len(list(folder.glob("*.png"))) == 4
    assert type(dataset).open(dataset.folder).digest == before
    assert type(dataset).open(dataset.folder).verify() == []


def test_a_clip_outside_of_a_dataset_needs_a_place_for_its_maps(tmp_path):
    write_clip(tmp_path / "walk", make_shake(frames=2).blurry)
    with pytest.raises(InputError, match="'walk' is no clip of a dataset, so its maps have no place"):
        write_maps(find_clips(tmp_path / "walk"), None)
    answer = run("map", tmp_path / "nothing", "-o", tmp_path / "maps")
    assert answer.exit_code == 1
