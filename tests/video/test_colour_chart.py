"""A chart's colours by every matrix, range, depth and transfer, alike for all who read films."""

from collections.abc import Iterator

import av
import numpy as np
import pytest
from made_chart import (
    FULL,
    HLG,
    LIMITED,
    LINEAR,
    PQ,
    SDR,
    Chart,
    codes_of,
    colours,
    patches,
    shown,
    signal_of,
    write_chart,
)

from hvdbench.errors import VideoError
from hvdbench.ingest.capture import Capture, ReadOptions
from hvdbench.sources.movie import open_movie
from hvdbench.video.input import read_input

RANGES, DEPTHS = (LIMITED, FULL), (8, 10, 12)


def _whole() -> Iterator[Chart]:
    for color_range in RANGES:
        for depth in DEPTHS:
            for matrix in (1, 4, 5, 6, 7, 8, 9, 10, 12, 13):
                yield Chart(matrix, color_range, depth)
            yield Chart(2, color_range, depth, layout="gray")
            for matrix in (1, 5, 9):
                yield Chart(matrix, color_range, depth, layout="420")
            for matrix in (0, 1, 9):
                yield Chart(matrix, color_range, depth, LINEAR)
            for transfer in (PQ, HLG):
                for matrix in (9, 10, 14):
                    yield Chart(matrix, color_range, depth, transfer, 9)
                for primaries in (1, 12):
                    yield Chart(9, color_range, depth, transfer, primaries)
        for depth in (10, 12):
            yield Chart(16, color_range, depth)
            yield Chart(17, color_range, depth)
        for matrix in (1, 4, 5, 6, 7, 8, 9):
            yield Chart(matrix, color_range, 8, codec="libx264", suffix=".mp4")
            yield Chart(matrix, color_range, 10, codec="libx264", suffix=".mov")
            yield Chart(matrix, color_range, 12, codec="libx265")
        for depth in DEPTHS:
            yield Chart(2, color_range, depth, layout="gray", codec="libx265")
            yield Chart(14, color_range, depth, PQ, 9, codec="libx265")
        for matrix in (1, 5, 9):
            yield Chart(matrix, color_range, 8, codec="libvpx-vp9", suffix=".webm")
    for depth in DEPTHS:
        for transfer in (SDR, LINEAR, PQ, HLG):
            primaries, codec = 9 if transfer in {PQ, HLG} else 1, "libx264rgb" if depth == 8 else "ffv1"
            yield Chart(0, FULL, depth, transfer, primaries, layout="rgb", codec=codec)
    for matrix in (1, 6, 9):
        yield Chart(matrix, LIMITED, 10, layout="422", codec="prores_ks", suffix=".mov")


WHOLE = list(_whole())
# The encoders of x265 in one process share the size of their blocks, so tests of several sizes disturb one another.
# Those of HEVC are therefore among the slow ones alone.
FEW = [
    Chart(1),
    Chart(4, FULL, 10, codec="libx264", suffix=".mp4"),
    Chart(7, FULL, 12),
    Chart(8),
    Chart(8, FULL, codec="libx264", suffix=".mp4"),
    Chart(9, FULL, 10, layout="420"),
    Chart(10, LIMITED, 10),
    Chart(13, FULL),
    Chart(16, FULL, 10),
    Chart(0, LIMITED, 8, LINEAR),
    Chart(2, layout="gray"),
    Chart(2, LIMITED, 10, layout="gray"),
    Chart(0, FULL, 12, layout="rgb"),
    Chart(9, LIMITED, 10, HLG, 9),
    Chart(9, LIMITED, 10, PQ, 12),
]


def _check(path, chart: Chart) -> None:
    """Read by the doors of deblur, ingest and synth, and compare with the equations."""
    if chart.codec not in av.codecs_available:
        pytest.skip(f"PyAV's libraries have no encoder {chart.codec}")
    write_chart(path, chart)
    by_deblur = read_input(path).frames[1]
    with Capture(path).open(ReadOptions()) as reader:
        by_ingest = [shot.picture for shot in reader.shots()][1]
    by_synth = open_movie(path)[0].read(1)
    expected = shown(signal_of(codes_of(colours(), chart), chart), chart)
    worst = np.abs(patches(by_deblur) - expected).max()
    assert worst < (2 if chart.codec == "prores_ks" else 1), f"{worst:.2f} levels off"
    np.testing.assert_array_equal(by_ingest, by_deblur)
    np.testing.assert_array_equal(by_synth, by_deblur)


@pytest.mark.parametrize("chart", FEW, ids=str)
def test_a_chart_is_read_by_what_the_film_states(tmp_path, chart):
    _check(tmp_path / f"chart{chart.suffix}", chart)


@pytest.mark.slow
@pytest.mark.parametrize("chart", WHOLE, ids=str)
def test_a_chart_of_any_matrix_range_depth_and_transfer_is_right(tmp_path, chart):
    _check(tmp_path / f"chart{chart.suffix}", chart)


def test_the_charts_own_equations_come_back_to_the_colours_that_went_in():
    for chart in WHOLE:
        codes = codes_of(colours(), chart)
        found = signal_of(codes, chart)
        expected = np.repeat(colours()[:, 1:2], 3, axis=1) if chart.layout == "gray" else colours()
        if chart.transfer not in {PQ, HLG} and chart.depth > 8:
            np.testing.assert_allclose(found, expected, atol=0.012)


@pytest.mark.parametrize(("matrix", "words"), [(11, "SMPTE ST 2085"), (15, "no base layer")])
def test_colours_that_cannot_be_read_are_refused_in_one_sentence(tmp_path, matrix, words):
    path = write_chart(tmp_path / "a.mkv", Chart(1))
    data = path.read_bytes()
    assert data.count(b"\x55\xb1\x81\x01") == 1  # Matroska: MatrixCoefficients, one byte, 1
    path.write_bytes(data.replace(b"\x55\xb1\x81\x01", b"\x55\xb1\x81" + bytes([matrix])))
    with pytest.raises(VideoError, match=words) as caught:
        read_input(path)
    assert "a.mkv" in str(caught.value)
