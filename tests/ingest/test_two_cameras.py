"""Two cameras' films with known answers: position, homography, colours, and a subject before a green screen."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.dataset.facts import read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import InputError
from hvdbench.frames import write_clip, write_frame
from hvdbench.ingest.camera_pairs import CameraPair, pair_cameras, read_homography
from hvdbench.ingest.chroma_key import cut_out, exchange_screen, screen_colour
from hvdbench.ingest.film_matching import coarse_offset, match_films
from hvdbench.ingest.two_cameras import (
    Exposed,
    SharpFilm,
    corners_of,
    correct_colours,
    covered_box,
    find_position,
    fit_colours,
)
from hvdbench.metrics.fidelity import psnr
from hvdbench.response import open_response

LIGHT = open_response("gamma2.2")
SIZE, FAST, SLOW = (128, 96), 28, 5  # px of both cameras; frames of each film
FIRST = 3  # fast frame at which the first slow one begins
EXPOSED = Exposed(4, 7, 2)
COLOURS = np.array([[0.86, 0.06, 0.02, 0.004], [0.03, 0.90, 0.04, 0.006], [0.01, 0.05, 0.80, 0.010]])


def world() -> np.ndarray:
    """Make a wide picture with detail of several sizes, other in each colour: (H, W, 3) light in 0.05 to 0.85."""
    random = np.random.default_rng(12)
    total = np.zeros((320, 420, 3), np.float32)
    for cells, share in ((10, 0.35), (30, 0.35), (90, 0.3)):
        coarse = random.uniform(0, 1, (cells, cells * 4 // 3, 3)).astype(np.float32)
        total += share * cv2.resize(coarse, (420, 320), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.05 + 0.8 * total, 0.05, 0.85)


WORLD = world()


def seen(time: float, H: np.ndarray) -> np.ndarray:
    """Look at the world at a time, in fast frames: it turns on an ellipse, so that no two windows show the same."""
    x, y = 146 + 40 * np.sin(0.11 * time), 110 + 30 * np.sin(0.07 * time + 1.0)
    to_camera = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    return np.clip(cv2.warpPerspective(WORLD, H @ to_camera, SIZE, flags=cv2.INTER_CUBIC), 0, 1).astype(np.float32)


def true_homography() -> np.ndarray:
    """Turn by 1.2 degrees, enlarge by 3 %, shift by (4.3, -2.7) px, and lean a little."""
    turn = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), 1.2, 1.03)
    H = np.vstack([turn, [0, 0, 1]])
    H[:2, 2] += (4.3, -2.7)
    H[2, :2] = (4e-5, -3e-5)
    return H


def films(H: np.ndarray, first: Fraction = Fraction(FIRST)) -> tuple[np.ndarray, np.ndarray]:
    sharp = np.stack([LIGHT.to_display(seen(time, np.eye(3))) for time in range(FAST)])
    blurry = []
    for index in range(SLOW):
        places = EXPOSED.fine_places(first + 4 * index)
        light = np.mean([seen(float(place), H) for place in places], axis=0)
        blurry.append(LIGHT.to_display(correct_colours(COLOURS, light.astype(np.float32))))
    return sharp, np.stack(blurry)


def corner_error_px(H: np.ndarray, truth: np.ndarray) -> float:
    mapped = [cv2.perspectiveTransform(corners_of(SIZE)[None], one)[0] for one in (H, truth)]
    return float(np.hypot(*(mapped[0] - mapped[1]).T).max())


def test_colours_are_fitted_exactly() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (20, 30, 3)).astype(np.float32)
    y = (x @ COLOURS[:, :3].T + COLOURS[:, 3]).astype(np.float32)
    np.testing.assert_allclose(fit_colours(x, y), COLOURS, atol=1e-6)
    np.testing.assert_allclose(correct_colours(COLOURS, x), y, atol=1e-6)
    y[:5] = 1.0  # cut off
    known = np.ones((20, 30), np.bool_)
    known[:5] = False
    np.testing.assert_allclose(fit_colours(x, y, known), COLOURS, atol=1e-6)
    with pytest.raises(InputError, match="too few to fit colours"):
        fit_colours(x, y, np.zeros((20, 30), np.bool_))


@pytest.mark.slow
@pytest.mark.parametrize("first", [Fraction(FIRST), Fraction(7, 2)])
def test_position_homography_and_colours_of_a_made_pair(first: Fraction) -> None:
    truth = true_homography()
    sharp, blurry = films(truth, first)
    matched = match_films(sharp, blurry, EXPOSED, LIGHT, search=12)
    assert [match.start for match in matched.matches] == [first + 4 * index for index in range(len(matched.frames))]
    assert len(matched.frames) == SLOW
    assert corner_error_px(matched.H, truth) <= 0.5
    for match in matched.matches:
        assert np.abs(match.colours - COLOURS).max() <= 1e-2
        assert match.psnr > 38


def test_the_best_position_counts_and_not_the_last_one() -> None:
    # Algorithm 1 as printed never raises 'best', so that it returns the last window.
    sharp, blurry = films(np.eye(3))
    film = SharpFilm(sharp, LIGHT)
    starts = [Fraction(number, 2) for number in range(10, 20)]
    match = find_position(blurry[1], film, starts, EXPOSED, LIGHT)
    assert match is not None
    assert match.start == FIRST + 4
    assert starts[-1] != match.start
    assert find_position(blurry[1], film, [Fraction(FAST - 3)], EXPOSED, LIGHT) is None  # its window ends too late
    assert find_position(blurry[1], film, [Fraction(FAST - 4)], EXPOSED, LIGHT) is not None  # the last that fits


def test_the_films_are_laid_over_each_other_without_alignment() -> None:
    sharp, blurry = films(true_homography())
    assert abs(coarse_offset(sharp, blurry, EXPOSED, 12) - FIRST) <= 1  # 2 are searched around it
    assert abs(coarse_offset(sharp[5:], blurry, EXPOSED, 12) - (FIRST - 5)) <= 1
    with pytest.raises(InputError, match="do not overlap in time"):
        coarse_offset(sharp[:3], blurry, EXPOSED, 0)


def test_windows_that_cannot_be_made_are_refused() -> None:
    assert EXPOSED.step == Fraction(1, 2)
    assert len(EXPOSED.fine_places(Fraction(0))) == 19  # the paper's
    with pytest.raises(InputError, match="cannot be made evenly"):
        Exposed(5, 7)
    with pytest.raises(InputError, match="overlap by less than 32 px"):
        covered_box(np.array([[1, 0, 110.0], [0, 1, 0], [0, 0, 1]]), SIZE, SIZE)


def test_a_subject_is_cut_from_its_screen_and_laid_over_a_background() -> None:
    screen = np.array([0.05, 0.5, 0.08])
    random = np.random.default_rng(1)
    subject = random.uniform(0.1, 0.8, (40, 60, 3)).astype(np.float32)
    subject[..., 1] = np.minimum(subject[..., 1], subject[..., [0, 2]].max(axis=2))  # not green
    alpha = np.zeros((40, 60), np.float32)
    alpha[15:35, 15:45] = 1.0
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    alpha[:4] = alpha[:20, :4] = alpha[:20, -4:] = 0
    gray = np.repeat(subject[..., :1], 3, axis=2)  # of equal colours: its edge is known exactly
    light = (alpha[..., None] * gray + (1 - alpha[..., None]) * screen).astype(np.float32)
    np.testing.assert_allclose(screen_colour(light), screen, atol=1e-6)
    cut = cut_out(light, screen)
    np.testing.assert_allclose(cut.alpha, alpha, atol=1e-3)
    background = random.uniform(0, 1, light.shape).astype(np.float32)
    expected = alpha[..., None] * gray + (1 - alpha[..., None]) * background
    np.testing.assert_allclose(cut.over(background), expected, atol=2e-3)
    with pytest.raises(InputError, match="not that of a green screen"):
        screen_colour(subject)


def test_a_blurry_subject_is_covered_as_its_sharp_pictures_are_in_the_mean() -> None:
    screen = np.array([0.05, 0.5, 0.08])
    pictures = []
    for step in range(7):
        light = np.tile(screen.astype(np.float32), (30, 60, 1))
        light[8:22, 10 + 3 * step : 30 + 3 * step] = (0.6, 0.4, 0.3)
        pictures.append(light)
    background = np.random.default_rng(3).uniform(0.1, 0.9, (30, 60, 3)).astype(np.float32)
    cuts = [cut_out(light, screen) for light in pictures]
    laid = np.mean([cut.over(background) for cut in cuts], axis=0)
    alpha = np.mean([cut.alpha for cut in cuts], axis=0)
    blurry = np.mean(pictures, axis=0)
    np.testing.assert_allclose(exchange_screen(blurry, alpha, screen, background), laid, atol=1e-5)
    by_itself = cut_out(blurry, screen)  # covers too much where both are seen, since the subject has little green
    assert (by_itself.alpha - alpha).max() > 0.15


def test_two_films_become_a_clip_with_subframes(tmp_path: Path) -> None:
    H = true_homography()
    sharp, blurry = films(H)
    write_clip(tmp_path / "sharp", sharp)
    write_clip(tmp_path / "blurry", blurry)
    np.savetxt(tmp_path / "H.txt", H)
    arguments = [
        *(
            "dataset",
            "pair-cameras",
            str(tmp_path / "sharp"),
            str(tmp_path / "blurry"),
            "-o",
            str(tmp_path / "d"),
            "--clip",
            "a",
        ),
        *("--sharp-fps", "100", "--blurry-fps", "25", "--homography", str(tmp_path / "H.txt")),
    ]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert f"{SLOW} blurry frames" in result.output
    reader = open_reader(tmp_path / "d")
    (clip,) = reader.clips
    assert (clip.subframes, clip.frame_count) == (7, SLOW)
    kept = read_subframes(reader, clip, range(SLOW))
    folder = reader_clip(tmp_path / "d")
    np.testing.assert_array_equal(folder.track("cameras/sharp_start"), FIRST + 4.0 * np.arange(SLOW))
    np.testing.assert_allclose(folder.track("series/offset_s")[0], np.arange(-3, 4) * 0.005, atol=1e-9)
    left, top, right, bottom = folder.track("cameras/box_px")
    for index in (0, 4):
        for number, place in enumerate(EXPOSED.places(Fraction(FIRST + 4 * index))):
            true = LIGHT.to_display(correct_colours(COLOURS, seen(float(place), H)))[top:bottom, left:right]
            assert psnr(kept[index, number], np.ascontiguousarray(true)) > 33
    np.testing.assert_array_equal(reader.read(clip.key, "sharp", range(SLOW)), kept[:, 3])
    again = CliRunner().invoke(cli, arguments)
    assert isinstance(again.exception, InputError)
    assert "already has a clip 'test/a'" in str(again.exception)


def test_a_green_screen_is_replaced_in_blurry_frames_and_subframes(tmp_path: Path) -> None:
    screen = np.array([0.05, 0.5, 0.08], np.float32)

    def shot(time: float) -> np.ndarray:
        light = np.tile(screen, (48, 64, 1))
        texture = WORLD[100:120, 100:116] * (1.0, 0.6, 0.8)
        left, top = 20 + round(time), 16 + round(3 * np.sin(0.4 * time))
        light[top : top + 20, left : left + 16] = texture
        return light.astype(np.float32)

    sharp = [shot(time) for time in range(12)]
    blurry = [np.mean(sharp[4 * index : 4 * index + 4], axis=0) for index in range(3)]
    for name, pictures in (("sharp", sharp), ("blurry", blurry)):
        write_clip(tmp_path / name, np.stack([LIGHT.to_display(light) for light in pictures]))
    write_frame(tmp_path / "hall.png", np.full((30, 40, 3), 180, np.uint8))
    np.savetxt(tmp_path / "H.txt", np.eye(3))
    pair = CameraPair(
        *(tmp_path / "sharp", tmp_path / "blurry", 100, 25),
        homography=read_homography(tmp_path / "H.txt"),
        background=tmp_path / "hall.png",
    )
    dataset, _ = pair_cameras(pair, tmp_path / "d", clip="a")
    (clip,) = dataset.clips()
    for frames in (clip.blurry(), clip.truth("mid")):
        assert np.abs(frames[:, :8].astype(int) - 180).max() <= 3  # the screen is gone
        assert frames[:, 16:36, 20:40].min() < 150  # the subject is not


def reader_clip(folder: Path):
    from hvdbench.store import Dataset

    return Dataset.open(folder).clips()[0]


def test_what_cannot_be_paired_is_one_sentence(tmp_path: Path) -> None:
    frames = np.zeros((4, 48, 64, 3), np.uint8)
    for name in ("sharp", "blurry"):
        write_clip(tmp_path / name, frames)
    pair = CameraPair(tmp_path / "sharp", tmp_path / "blurry", 100, None)
    with pytest.raises(InputError, match="states no frame rate: give it with --blurry-fps"):
        pair_cameras(pair, tmp_path / "d", clip="a")
    with pytest.raises(InputError, match="must be a whole multiple of the second"):
        pair_cameras(CameraPair(tmp_path / "sharp", tmp_path / "blurry", 100, 60), tmp_path / "d", clip="a")
    write_frame(tmp_path / "x.png", frames[0])
    assert not (tmp_path / "d").exists()
