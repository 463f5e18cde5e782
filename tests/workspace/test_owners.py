"""Whether the process that made a file still runs, by the word that it left."""

import os
import subprocess
import sys

from hvdbench.workspace.owners import is_dead, this_owner


def test_this_process_runs():
    assert is_dead(this_owner()) is False
    assert is_dead(str(os.getpid())) is False


def test_a_process_that_ended_is_dead():
    code = "from hvdbench.workspace.owners import this_owner; print(this_owner())"
    owner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_dead(owner) is True
    assert is_dead(owner.split(".")[1]) is True


def test_a_later_process_of_the_same_number_is_another_one():
    machine, process, start = this_owner().split(".")
    assert is_dead(f"{machine}.{process}.{int(start) - 1}") is True


def test_a_process_of_another_machine_cannot_be_asked():
    assert is_dead("00000000.1.1") is None
    assert is_dead("nonsense") is None
    assert is_dead("") is None
