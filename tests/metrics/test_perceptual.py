import os
import pickle
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from hvdbench.errors import InputError, UnknownNameError, WeightsError
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.perceptual import open_perceptual, perceptual_names
from hvdbench.metrics.pyiqa_files import WEIGHTLESS, missing_weights

REGISTERED = ("musiq", "maniqa", "niqe", "brisque", "lpips", "dists")


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """Caches without a file, and no way to the network."""
    for variable in ("HVDBENCH_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)

    def refuse(*_args, **_options):
        raise AssertionError("a network call")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3)).astype(np.uint8)


def test_names_are_pyiqas_and_none_is_of_sets_of_pictures():
    names = perceptual_names()
    assert {*REGISTERED, *WEIGHTLESS} <= set(names)
    assert not {"fid", "sfid", "inception_score"} & set(names)
    with pytest.raises(UnknownNameError, match="did you mean 'musiq'"):
        open_perceptual("musik")
    with pytest.raises(InputError, match="two sets"):
        open_perceptual("fid")


@pytest.mark.parametrize("name", [*REGISTERED, "topiq_nr", "clipiqa+"])
def test_a_metric_without_weights_says_so_within_a_second(empty, name):
    start = time.perf_counter()
    with pytest.raises(WeightsError, match=re.escape(f"metric '{name}' needs")) as caught:
        open_perceptual(name)
    assert time.perf_counter() - start < 1
    assert "\n" not in str(caught.value)
    assert str(empty) in str(caught.value)


def test_missing_weights_are_told_without_importing_torch(empty):
    script = (
        "import sys; from hvdbench.metrics.perceptual import missing_weights, perceptual_names\n"
        "assert missing_weights('niqe') and perceptual_names()\n"
        "sys.exit('torch' in sys.modules or 'pyiqa' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], env=dict(os.environ), check=False).returncode == 0


def test_weights_are_looked_for_in_every_cache(empty):
    for variable, below in (("HVDBENCH_WEIGHTS", "."), ("TORCH_HOME", "hub/pyiqa")):
        file = empty / variable / below / "niqe_modelparameters.mat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        assert missing_weights("niqe") is None
        file.unlink()
    assert missing_weights("niqe")
    heads = empty / "HVDBENCH_WEIGHTS/LPIPS_v0.1_alex-df73285e.pth"
    heads.write_bytes(b"x")
    assert "alexnet" in missing_weights("lpips")


@pytest.mark.slow  # pyiqa's import
def test_a_metric_of_pyiqa_measures_a_frame_and_refuses_what_it_cannot_compare(empty):
    restored, truth = frames(2), frames(2, seed=1)
    measure = open_perceptual("psnr")
    found = [measure(*pair) for pair in zip(restored, truth, strict=True)]
    assert found == pytest.approx([psnr(*pair) for pair in zip(restored, truth, strict=True)], abs=1e-4)  # float32
    with pytest.raises(InputError, match="needs a truth"):
        measure(restored[0])
    assert np.isfinite(open_perceptual("piqe")(restored[0]))


@pytest.mark.slow
def test_the_making_of_a_metric_never_reaches_the_network(empty):
    (empty / "HVDBENCH_WEIGHTS").mkdir(exist_ok=True)
    (empty / "HVDBENCH_WEIGHTS/other.pth").write_bytes(b"x")  # so that a look at the caches alone does not settle it
    start = time.perf_counter()
    with pytest.raises(WeightsError, match=r"NRQM_model\.mat"):
        open_perceptual("nrqm")
    with pytest.raises(WeightsError, match="hvdbench downloads nothing"):
        open_perceptual("hyperiqa")
    assert (
        time.perf_counter() - start < 30
    )  # pyiqa's and timm's import; with its attempts timm takes half a minute more


class _Harm:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


@pytest.mark.slow
def test_weights_that_hold_code_are_refused_and_not_run(empty):
    (empty / "HVDBENCH_WEIGHTS").mkdir(exist_ok=True)
    place = empty / "harm"
    (empty / "HVDBENCH_WEIGHTS/brisque_svm_weights.pth").write_bytes(pickle.dumps(_Harm(place)))
    with pytest.raises(WeightsError, match="brisque"):
        open_perceptual("brisque")
    assert not place.exists()


@pytest.mark.slow
def test_weights_in_our_folder_are_enough(empty):
    # Made-up numbers in NIQE's form. In a process of its own: pyiqa settles on its cache's folder as it is imported.
    (empty / "HVDBENCH_WEIGHTS").mkdir()
    rng = np.random.default_rng(0)
    numbers = {"mu_prisparam": rng.normal(size=(1, 36)), "cov_prisparam": np.eye(36)}
    scipy.io.savemat(empty / "HVDBENCH_WEIGHTS/niqe_modelparameters.mat", numbers)
    script = (
        "import numpy as np\nfrom hvdbench.metrics.perceptual import open_perceptual\n"
        "frame = np.random.default_rng(0).integers(0, 256, (192, 192, 3)).astype(np.uint8)\n"
        "print(open_perceptual('niqe')(frame))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=dict(os.environ), check=True, capture_output=True, text=True
    )
    assert float(done.stdout) > 0
    assert (empty / "TORCH_HOME/hub/pyiqa/niqe_modelparameters.mat").is_file()
