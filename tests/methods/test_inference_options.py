"""What a command line says of how a network is run."""

import pytest

from hvdbench.errors import InputError
from hvdbench.methods.inference.options import InferenceOptions, parse_inference


@pytest.mark.parametrize(
    ("window", "tile", "expected"),
    [
        (None, None, InferenceOptions()),
        ("auto", "auto", InferenceOptions(window="auto", tile="auto")),
        ("12", "256", InferenceOptions(window=12, tile=256)),
        (None, "320x200", InferenceOptions(tile=(200, 320))),  # height first, as arrays have it
    ],
)
def test_windows_and_tiles_are_read(window, tile, expected):
    assert parse_inference(window=window, tile=tile) == expected
    assert expected.is_usual == (window is tile is None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "half"}, "precision 'half' is not known .known: float32, bfloat16, float16"),
        ({"window": "0"}, "neither a number of frames nor 'auto'"),
        ({"tile": "64x"}, "neither a side in px, nor WxH, nor 'auto'"),
    ],
)
def test_another_word_gets_one_sentence(options, words):
    with pytest.raises(InputError, match=words):
        parse_inference(**({"window": None, "tile": None} | options))


def test_values_are_plain_and_tell_options_apart():
    assert InferenceOptions("bfloat16", 4, (32, 48)).values() == {
        "precision": "bfloat16",
        "window": 4,
        "tile": [32, 48],
    }
