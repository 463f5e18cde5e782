import pytest

from hvdbench.errors import WeightsError
from hvdbench.methods.selfhvd.weights import weights_path
from hvdbench.weights.finding import find_weights


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The current folder, the home folder and the folder of weights, each of its own."""
    for name in ("here", "home", "weights"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path


def test_a_path_comes_first_then_a_known_name_then_a_file_in_the_folder_of_weights(folders):
    (folders / "weights" / "mine.pth").write_bytes(b"1")
    (folders / "weights" / "estrnn_gopro.tar").write_bytes(b"1")
    assert find_weights("mine.pth") == folders / "weights" / "mine.pth"
    assert find_weights("estrnn_gopro") == folders / "weights" / "estrnn_gopro.tar"
    (folders / "here" / "mine.pth").write_bytes(b"1")
    assert find_weights("mine.pth").absolute() == folders / "here" / "mine.pth"


def test_a_tilde_is_the_home_folder(folders):
    (folders / "home" / "mine.pth").write_bytes(b"1")
    assert find_weights("~/mine.pth") == folders / "home" / "mine.pth"


def test_the_folder_of_weights_may_begin_with_a_tilde(folders, monkeypatch):
    (folders / "home" / "mine.pth").write_bytes(b"1")
    monkeypatch.setenv("HVDBENCH_WEIGHTS", "~")
    assert find_weights("mine.pth") == folders / "home" / "mine.pth"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("mine.pth", r"there is no file mine\.pth and no file .*/weights/mine\.pth \('hvdbench weights list' says"),
        ("estrnn_gopr", r"did you mean 'estrnn_gopro'\?"),
        ("estrnn_gopro", r"no file .*/weights/estrnn_gopro\.tar\): get it from https://github\.com/zzh-tech/ESTRNN"),
        ("~/down/estrnn_gopro.tar", r"there is no file .*/home/down/estrnn_gopro\.tar\): get it from"),
        ("/nowhere/mine.pth", r"there is no file /nowhere/mine\.pth \("),
    ],
)
def test_what_is_missing_is_answered_with_where_it_was_looked_for(folders, named, words):
    with pytest.raises(WeightsError, match=f"^the weights {named} are missing.*{words}"):
        find_weights(named)


def test_a_folder_is_no_weight_file(folders):
    (folders / "here" / "run").mkdir()
    with pytest.raises(WeightsError, match="the weights run are a folder: name a file in it"):
        find_weights("run")


def test_a_part_that_can_do_without_weights_says_how(folders):
    assert weights_path("random", "sea_raft_spring_m", "or set x") is None
    with pytest.raises(WeightsError, match=r"weights sea_raft_spring_m are missing .*: get it from .*, or set x$"):
        weights_path("", "sea_raft_spring_m", "or set x")
