"""HDF5 files that are written, changed, and refused by a disk that is full."""

import errno
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hvdbench.store.hdf5_files import write_hdf5

TOO_LARGE = """
import resource, sys
from pathlib import Path
import numpy as np
from hvdbench.store.hdf5_files import write_hdf5
from hvdbench.workspace.atomic import atomic_path

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
random = np.random.default_rng(0)
try:
    with atomic_path(Path(sys.argv[1])) as temporary, write_hdf5(temporary) as file:
        for number in range(20):
            file.create_dataset(f"part{number}", data=random.random((40, 40)), chunks=(8, 8), compression="gzip")
            file.attrs[f"number{number}"] = number
except OSError as error:
    print(error.errno, error.filename)
"""


def test_a_file_is_written_always_the_same_and_can_be_changed(tmp_path: Path) -> None:
    values = np.arange(5000.0).reshape(50, 100)
    for name in ("own.h5", "again.h5"):
        with write_hdf5(tmp_path / name) as file:
            file.create_dataset("a", data=values, chunks=(10, 10), compression="gzip", track_times=False)
            file.create_dataset("b", data=values, track_times=False)
            file.attrs["name"] = "made"
    assert (tmp_path / "own.h5").read_bytes() == (tmp_path / "again.h5").read_bytes()
    with write_hdf5(tmp_path / "own.h5", "a") as file:
        del file["b"]
        file["c"] = values + 1
    with h5py.File(tmp_path / "own.h5", "r") as file:
        assert sorted(file) == ["a", "c"]
        assert np.array_equal(file["a"][()], values)
        assert np.array_equal(file["c"][()], values + 1)
    with write_hdf5(tmp_path / "own.h5") as file:
        assert list(file) == []
    with write_hdf5(tmp_path / "new.h5", "a") as file:
        file["a"] = 1


def test_a_file_that_may_not_grow_ends_in_the_systems_error_and_the_process_lives(tmp_path: Path) -> None:
    words = [sys.executable, "-c", TOO_LARGE, str(tmp_path / "a.h5")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{errno.EFBIG} {tmp_path / 'a.h5'}\n"
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_block_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), write_hdf5(tmp_path / "a.h5"):
        raise ValueError("mine")
