import inspect

import pytest

from hvdbench import errors

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not errors.HvdbenchError])
def test_every_error_is_ours_and_a_builtin(kind):
    assert issubclass(kind, errors.HvdbenchError)
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert set(builtin) - {Exception, BaseException, object}, "callers may catch the builtin instead"


def test_a_video_error_is_an_input_error_too():
    with pytest.raises(errors.InputError, match=r"clip\.mp4 is empty"):
        raise errors.VideoError("clip.mp4 is empty")
