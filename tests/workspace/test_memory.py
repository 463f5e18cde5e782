"""Memory as the system states it."""

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
