"""The source of photographs: which pictures it takes, what it makes of them, and what it refuses."""

import hashlib
import pickle

import numpy as np
import pytest

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import write_frame
from hvdbench.recipe import load_recipe
from hvdbench.sources.photos import PhotoSource, known_photographs
from hvdbench.sources.scene import SourceOptions
from hvdbench.synth.settings import DatasetSettings

SMALL = (96, 64)


def test_each_photograph_gives_views_of_all_three_kinds_and_others_lend_what_stands_in_front():
    options = SourceOptions(size=SMALL, names=("skimage_brick", "skimage_camera", "skimage_text"), views=3)
    scenes = PhotoSource(options).scenes()
    assert [scene.name for scene in scenes[:3]] == ["skimage_brick_0", "skimage_brick_1", "skimage_brick_2"]
    assert {scene.kind for scene in scenes[:3]} == {"planar", "parallax", "moving_object"}
    kinds = {scene.kind: scene for scene in scenes}
    assert len(kinds["planar"].layers(0.0)) == 1
    depths = [layer.relative_inverse_depth for layer in kinds["parallax"].layers(0.0)]
    assert len(depths) > 1
    assert depths == sorted(depths)
    early, late = (kinds["moving_object"].layers(t_s)[-1] for t_s in (0.0, 0.5))
    assert early.is_object
    assert early.offset_px != late.offset_px
    assert "in front of it" in kinds["moving_object"].provenance


def test_a_scene_is_the_same_in_every_process():
    scene = PhotoSource(SourceOptions(size=SMALL, names=("skimage_camera",), views=1)).scenes()[0]
    again = pickle.loads(pickle.dumps(scene))
    for one, other in zip(scene.layers(0.0), again.layers(0.0), strict=True):
        assert np.array_equal(one.texture, other.texture)
        assert np.array_equal(one.K, other.K)


def test_a_view_leaves_room_for_a_hand_on_every_side():
    names = tuple(name for name, entry in known_photographs().items() if entry.loader)
    for scene in PhotoSource(SourceOptions(size=SMALL, names=names, views=4)).scenes():
        ground = scene.layers(0.0)[0]
        height, width = ground.texture.shape[:2]
        scale = ground.K[0, 0] / scene.focal_px
        for middle, side, frame in ((ground.K[0, 2], width, SMALL[0]), (ground.K[1, 2], height, SMALL[1])):
            assert min(middle, side - 1 - middle) / scale > 0.6 * frame


def test_pictures_of_ones_own_are_taken_with_their_folder_in_the_name(tmp_path):
    (tmp_path / "a").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (120, 180, 3), np.uint8)
    write_frame(tmp_path / "a" / "one.png", picture)
    scenes = PhotoSource(SourceOptions(root=tmp_path, size=SMALL)).scenes()
    assert [scene.name for scene in scenes] == ["a_one_0"]
    assert scenes[0].licence == "the owner's"


def test_a_listed_photograph_that_is_missing_or_another_is_refused_with_its_address(tmp_path):
    entry = known_photographs()["kodak_01"]
    for root in (None, tmp_path):
        with pytest.raises(InputError, match=r"kodak_01.*download https://"):
            PhotoSource(SourceOptions(root=root, names=("kodak_01",)))
    file = tmp_path / str(entry.file)
    file.parent.mkdir(parents=True)
    write_frame(file, np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(InputError, match="is not photograph 'kodak_01': its sha256 begins with"):
        PhotoSource(SourceOptions(root=tmp_path, names=("kodak_01",)))
    with pytest.raises(UnknownNameError, match="kodak_02"):
        PhotoSource(SourceOptions(names=("kodak_2",)))


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match="contains no pictures"):
        PhotoSource(SourceOptions(root=tmp_path))


def test_the_listed_files_are_those_of_the_shared_folder(shared):
    for name, entry in known_photographs().items():
        if entry.file:
            found = hashlib.sha256((shared / "data/stills" / entry.file).read_bytes()).hexdigest()
            assert found == entry.sha256, name


def test_training_choosing_and_scoring_share_no_photograph_no_path_and_no_scene_of_the_demo():
    sets = {
        name: load_recipe("datasets", name, DatasetSettings).values
        for name in ("pretrain", "pretrain_validation", "unseen_plain", "unseen_phone")
    }
    used = {name: set(values.clips) for name, values in sets.items()}
    assert used["unseen_plain"] == used["unseen_phone"]
    assert len(used["unseen_plain"]) >= 6
    for one, other in (
        ("pretrain", "pretrain_validation"),
        ("pretrain", "unseen_plain"),
        ("pretrain_validation", "unseen_plain"),
    ):
        assert not used[one] & used[other]
    assert sets["pretrain"].trajectories == sets["pretrain_validation"].trajectories == "none"
    assert sets["unseen_plain"].trajectories == "handheld_simulated"
    hands = set(sets["pretrain"].hand) | {hand for one in sets["pretrain"].variants.values() for hand in one.hand or {}}
    assert "hvd" not in hands  # it was fitted to clips that are scored
    scenes_of_demo = {"coffee", "astronaut", "stereo_motorcycle", "gravel"}
    assert not {known_photographs()[name].loader for name in used["pretrain"]} & scenes_of_demo
