"""HDR to SDR: the standards' own numbers, and the compiled map against the same formulas in float64."""

import numpy as np
import pytest

from hvdbench.errors import InputError
from hvdbench.video.colour.pixels import WHITE16
from hvdbench.video.colour.tone import eetf_nit, linear_meaning, to_linear16, tone_map
from hvdbench.video.colour.transfers import hlg_scene_light, nit_to_pq, pq_to_nit


def test_diffuse_white_is_203_nit_at_75_percent_hlg_and_58_percent_pq():
    # ITU-R BT.2408, table 1. HLG: scene light to the power of 1.2, for grey, at 1000 nit.
    assert 1000 * hlg_scene_light(np.array(0.75)) ** 1.2 == pytest.approx(203, abs=1)
    assert pq_to_nit(np.array(0.58)) == pytest.approx(203, abs=3)
    assert hlg_scene_light(np.array([0, 0.5, 1.0])) == pytest.approx([0, 1 / 12, 1], abs=1e-6)
    assert pq_to_nit(np.array([0, 1.0])) == pytest.approx([0, 10000], abs=1e-6)
    assert pq_to_nit(nit_to_pq(np.array([0.01, 1, 100, 1000.0]))) == pytest.approx([0.01, 1, 100, 1000])


def test_the_eetf_keeps_shadows_and_brings_the_peak_to_203_nit():
    nit = np.linspace(0, 1000, 2001)
    mapped = eetf_nit(nit)
    np.testing.assert_allclose(mapped[nit < 85], nit[nit < 85], atol=1e-6)
    assert mapped[-1] == pytest.approx(203)
    assert (np.diff(mapped) >= 0).all()
    # By hand: PQ(203) = 0.5807, PQ(1000) = 0.7518, knee 0.6586, t = 1/3: 0.7387 of 0.7518 is 160 nit.
    assert eetf_nit(np.array(203.0)) == pytest.approx(160, abs=1.5)


@pytest.mark.parametrize("transfer", ["hlg", "pq"])
def test_the_compiled_map_agrees_with_the_formulas(transfer):
    codes = np.random.default_rng(0).integers(0, WHITE16 + 1, (40, 50, 3)).astype(np.uint16)
    signal = codes / WHITE16
    if transfer == "hlg":
        scene = hlg_scene_light(signal)
        display = scene * (scene @ [0.2627, 0.6780, 0.0593])[..., None] ** 0.2
    else:
        display = np.minimum(pq_to_nit(signal) / 1000, 1)
    peak = np.maximum(display.max(-1, keepdims=True), 1e-9)
    sdr = display * eetf_nit(1000 * peak) / 203 / peak
    matrix = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    expected = 255 * np.clip(sdr @ np.transpose(matrix), 0, 1) ** (1 / 2.4)
    assert np.abs(tone_map(transfer).apply(codes) - expected).max() < 0.7


def test_a_view_that_was_turned_is_mapped_as_it_stands():
    codes = np.random.default_rng(0).integers(0, WHITE16, (4, 6, 3)).astype(np.uint16)
    turned = codes.transpose(1, 0, 2)[::-1]
    np.testing.assert_array_equal(tone_map("hlg").apply(turned), tone_map("hlg").apply(codes).transpose(1, 0, 2)[::-1])


def test_linear_light_undoes_the_transfer():
    codes = np.array([[[0, WHITE16 // 2, WHITE16]]], np.uint16)
    assert to_linear16(codes, "hlg")[0, 0] == pytest.approx([0, 65535 / 12, 65535], abs=2)
    assert to_linear16(codes, "bt709")[0, 0] == pytest.approx(
        [0, 65535 * ((0.5 + 0.099) / 1.099) ** (1 / 0.45), 65535], abs=2
    )
    assert to_linear16((nit_to_pq(np.array([[[10.0, 100, 1000]]])) * WHITE16).astype(np.uint16), "pq")[0, 0] == (
        pytest.approx([655, 6553, 65535], rel=2e-3)
    )
    assert "1000 nit" in linear_meaning("pq")


def test_an_unknown_transfer_has_no_tone_map():
    with pytest.raises(InputError, match="no tone map for the transfer 'bt709'"):
        tone_map("bt709")
