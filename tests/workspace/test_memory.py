"""Memory as the system states it."""

import subprocess
import sys

import pytest

from hvdbench.workspace import memory


def test_memory_is_read_in_bytes(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal:  100 kB\nMemAvailable:   60 kB\n")
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    assert memory.free_memory() == 60 * 1024


@pytest.mark.parametrize("text", [None, "no such rows"])
def test_memory_is_unknown_where_the_system_does_not_state_it(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    assert memory.free_memory() is None


def test_freed_blocks_go_back_to_the_system():
    code = (
        "import numpy as np; from hvdbench.workspace import memory\n"
        "print(memory.return_freed_blocks())\n"
        "def resident(): return memory._field(memory._STATUS, 'VmRSS')\n"
        "blocks = [np.ones(24 << 20, np.uint8) for _ in range(8)]\n"
        "held = resident(); del blocks[:-1]; print(held - resident())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    works, returned = done.stdout.split()
    assert works == "False" or int(returned) > 150 << 20


def test_freed_pages_go_back_to_the_system_though_a_block_that_is_kept_lies_above_them():
    code = (
        "import numpy as np; from hvdbench.workspace import memory\n"
        "def resident(): return memory._field(memory._STATUS, 'VmRSS')\n"
        "blocks = [np.ones(64 << 10, np.uint8) for _ in range(2000)]\n"
        "held = resident(); del blocks[:-1]; print(memory.return_freed_pages(), held - resident())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    works, returned = done.stdout.split()
    assert works == "False" or int(returned) > 100 << 20
