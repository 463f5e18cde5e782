"""Others' layouts as data: what each file says, what it finds, and what is stamped on frames that are not its own."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.dataset.importing import Adopted, AdoptRequest, adopt
from hvdbench.errors import HvdbenchError, InputError, RecipeError, UnknownNameError
from hvdbench.frames import write_frame
from hvdbench.sources.layout import layout_names, load_layout


def write_pictures(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        write_frame(folder / f"{index:08d}.png", np.full((16, 24, 3), index, np.uint8))
    return folder


def take(root: Path, layout: str, **values: str) -> Adopted:
    return adopt(AdoptRequest(root, layout, root.parent / "dataset", **values))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", layout_names())
def test_the_facts_of_a_layout_are_whole(name: str) -> None:
    stem, layout = load_layout(name)
    assert stem == name
    assert layout.title
    assert layout.licence
    assert layout.source.startswith(("https://", "http://"))
    assert layout.is_guess or layout.citation
    assert layout.is_blurry or all(pattern.blurry is None for pattern in layout.patterns)
    for part in layout.parts.values():
        assert part.stated_by != "unknown"
        counted = isinstance(part.clips, dict) and part.total
        assert not counted or sum(part.clips.values()) == part.total
    clips = [clip for part in layout.parts.values() for clip in part.clips]
    assert len(set(clips)) == len(clips) or name == "reds"  # whose parts both count from 000
    assert layout.names_fit(clips)


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("gopro", {"train": (22, 2103), "test": (11, 1111)}),
        ("dvd", {"train": (61, 5708), "test": (10, 1000)}),
        ("realblur-j", {"train": (182, 3758), "test": (50, 980)}),
        ("bsd-1ms8ms", {"train": (60, None), "test": (20, None)}),
        ("gyrovd", {"train": (505, 50500), "val": (50, 5000), "test": (77, 7700)}),
    ],
)
def test_splits_have_the_numbers_that_their_authors_state(name: str, splits: dict[str, tuple[int, int]]) -> None:
    parts = load_layout(name)[1].parts
    assert {split: (part.clip_count, part.total) for split, part in parts.items()} == splits


def test_the_two_blurs_of_gopro_have_one_list_of_clips() -> None:
    assert load_layout("gopro")[1].parts == load_layout("gopro-gamma")[1].parts


def test_the_exposures_of_bsd_share_no_test_clips_list() -> None:
    lists = [load_layout(f"bsd-{name}")[1].parts["test"].clips for name in ("1ms8ms", "2ms16ms", "3ms24ms")]
    assert len({tuple(clips) for clips in lists}) == 3


OWN = [name for name in layout_names() if load_layout(name)[1].is_blurry and not load_layout(name)[1].is_guess]


OWN = [name for name in layout_names() if load_layout(name)[1].is_blurry and not load_layout(name)[1].is_guess]


OWN = """
title = "Night walks"
licence = "CC0"
source = "https://example.org/walks"
citation = "N. N., 2026"
fps = 25
splits = { learn = "train", prove = "test" }
[[patterns]]
blurry = "{split}/{clip}/in/*.png"
sharp = "{split}/{clip}/out/*.png"
"""


def test_a_layout_of_ones_own_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "walks.toml").write_text(OWN, encoding="utf-8")
    for folder in ("learn/a", "prove/b"):
        for kind in ("in", "out"):
            write_pictures(tmp_path / "release" / folder / kind)
    dataset = take(tmp_path / "release", str(tmp_path / "walks.toml")).dataset
    assert dataset.name == "walks"
    assert sorted(dataset.manifest["clips"]) == ["test/b", "train/a"]
    provenance = dataset.manifest["provenance"]
    assert {key: provenance[key] for key in ("release", "licence", "from", "cite")} == {
        "release": "walks",
        "licence": "CC0",
        "from": "https://example.org/walks",
        "cite": "N. N., 2026",
    }
    assert dataset.clips("train")[0].track("t_s") == pytest.approx([0, 1 / 25, 2 / 25])
    assert dataset.clips("train")[0].truth("mid") is not None


def test_truth_at_the_centroid_and_unknown_facts_stay_so(tmp_path: Path) -> None:
    text = 'title = "Walks"\ntruth = "centroid"\n[[patterns]]\nblurry = "{clip}/in/*.png"\nsharp = "{clip}/out/*.png"\n'
    (tmp_path / "walks.toml").write_text(text, encoding="utf-8")
    for kind in ("in", "out"):
        write_pictures(tmp_path / "release" / "a" / kind)
    dataset = take(tmp_path / "release", str(tmp_path / "walks.toml")).dataset
    (clip,) = dataset.clips()
    assert clip.truth("mid") is None
    assert clip.truth("centroid") is not None
    assert clip.track("t_s") is None
    assert clip.attributes()["licence"] == "unknown"


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ('title = "Walks"', RecipeError, r"walks.toml: key 'patterns' is missing"),
        (OWN + "fsp = 3", RecipeError, "unknown key 'fsp'"),
        (OWN.replace("{split}/{clip}/in", "/data/{clip}/in"), RecipeError, "is not a pattern of frames"),
        (OWN.replace("{clip}/in", "{clp}/in"), RecipeError, "is not a pattern of frames"),
        (OWN.replace("fps = 25", "fps = 0"), RecipeError, "greater than 0"),
        (OWN.replace('"test" }', '"exam" }'), RecipeError, "'train' or 'test'"),
        (OWN + "\n[averaged]\nfps = 240\nin_name = 'a'", RecipeError, "has 0 groups in brackets, expected one"),
        ('clip_names = "("\n' + OWN, RecipeError, "is not a regular expression"),
        ('clip_names = "a{99999999999}"\n' + OWN, RecipeError, "is not a regular expression"),
        ("title = ", RecipeError, "walks.toml is not TOML"),
    ],
)
def test_a_layout_that_is_none_is_one_sentence(
    tmp_path: Path, text: str, kind: type[HvdbenchError], sentence: str
) -> None:
    (tmp_path / "walks.toml").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=sentence):
        load_layout(str(tmp_path / "walks.toml"))


@pytest.mark.parametrize("name", ["gorpo", "nowhere/walks.toml", "../datasets/demo"])
def test_a_layout_that_is_not_there_is_answered_with_those_that_are(name: str) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no layout named .*known: b-aist, .*gopro, gopro-all, .*ends in \.toml"
    ):
        load_layout(name)


def test_high_speed_footage_makes_no_dataset(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "release" / "train" / "GOPR0372_07_00").parents[1]
    with pytest.raises(InputError, match=r"'gopro-all' has no blurry frames, .* 'hvdbench synth'"):
        take(root, "gopro-all")


# What is not the layout's gets none of its stamps --------------------------------------------------------------------


def assert_unstamped(adopted: Adopted, name: str) -> None:
    provenance = adopted.dataset.manifest["provenance"]
    assert adopted.dataset.name == name
    assert (provenance["release"], provenance["licence"]) == ("unknown", "unknown")
    assert not {"from", "cite"} & set(provenance)
    for clip in adopted.dataset.clips():
        assert clip.attributes()["licence"] == "unknown"
        assert clip.attributes()["source"].startswith("unknown ")
        assert clip.track("t_s") is None


GIVEN = {"blur": "{split}/{clip}/blur/*.png", "sharp": "{split}/{clip}/sharp/*.png"}


def make_pairs(root: Path, clip: str) -> Path:
    """Write a clip in the folders of GOPRO_Large."""
    for kind in ("blur", "sharp"):
        write_pictures(root / "train" / clip / kind)
    return root


def test_clips_of_other_names_that_the_users_patterns_find_get_no_licence_release_or_rate(tmp_path: Path) -> None:
    adopted = take(make_pairs(tmp_path / "walks", "harbour"), "gopro", **GIVEN)
    assert_unstamped(adopted, "walks")
    note = "clip 'harbour' is not named as those of GOPRO_Large, so its release, licence and rate are not known here"
    assert note in adopted.notes


def test_anothers_patterns_get_no_licence_release_or_rate(tmp_path: Path) -> None:
    for kind in ("RGB", "GT"):
        write_pictures(tmp_path / "bsd" / "test" / "000" / kind)
    patterns = {"blur": "{split}/{clip}/RGB/*.png", "sharp": "{split}/{clip}/GT/*.png"}
    assert_unstamped(take(tmp_path / "bsd", "gopro", **patterns), "bsd")
    other = adopt(AdoptRequest(tmp_path / "bsd", "reds", tmp_path / "other", **patterns))
    assert_unstamped(other, "bsd")
    assert "it was found by patterns that are not those of REDS, so its release, licence and rate" in other.notes[-1]


def test_a_name_that_is_given_holds_for_anothers_frames(tmp_path: Path) -> None:
    assert_unstamped(take(make_pairs(tmp_path / "walks", "harbour"), "gopro", name="my-walks", **GIVEN), "my-walks")


def test_one_clip_of_another_name_leaves_the_whole_release_unstamped(tmp_path: Path) -> None:
    make_pairs(tmp_path / "mixed", "GOPR0372_07_00")
    assert_unstamped(take(make_pairs(tmp_path / "mixed", "harbour"), "gopro", **GIVEN), "mixed")


def test_numbers_as_names_prove_no_release_where_patterns_are_given(tmp_path: Path) -> None:
    for kind in ("in", "out"):
        write_pictures(tmp_path / "walks" / "train" / "000" / kind)
    patterns = {"blur": "{split}/{clip}/in/*.png", "sharp": "{split}/{clip}/out/*.png"}
    adopted = adopt(AdoptRequest(tmp_path / "walks", "reds", tmp_path / "mine", **patterns))
    assert adopted.dataset.manifest["provenance"]["licence"] == "unknown"
    assert adopted.dataset.clips()[0].track("t_s") is None
