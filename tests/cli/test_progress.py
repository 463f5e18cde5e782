"""Progress where nobody sees bars: a line at both ends of a stage, and one now and then between."""

import time

from hvdbench.cli.progress import _Lines


def test_a_stage_says_when_it_begins_and_when_it_ends(capsys):
    with _Lines() as show:
        for done in range(4):
            show(done, 3, "restore")
        show(3, 3, "restore")
    assert capsys.readouterr().err.splitlines() == ["  restore …", "  restore: 3 of 3 done"]


def test_a_line_comes_again_while_work_is_under_way_even_without_a_call(capsys):
    with _Lines(every_s=0.05) as show:
        show(0, 3, "fit")
        show(1, 3, "fit")
        end = time.monotonic() + 20
        told = ""
        while "1 of 3" not in told and time.monotonic() < end:
            time.sleep(0.02)
            told += capsys.readouterr().err
        show(3, 3, "fit")
        told += capsys.readouterr().err
        time.sleep(0.2)
    assert "  fit: 1 of 3 after 0 s\n" in told
    assert told.endswith("  fit: 3 of 3 done\n")
    assert capsys.readouterr().err == ""  # a stage that has ended is not repeated
