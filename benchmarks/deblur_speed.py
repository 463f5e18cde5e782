"""Time ``hvdbench deblur``: ``python -m benchmarks.deblur_speed CLIP [--method NAME]... [--json FILE]``.

Each method restores the same clip in a process of its own, one after the other, as the command does. CPU seconds and
peak memory are what the system counted for the process; the share of each stage is thread time that a profiler found,
and stages may contain one another where the table says so.
"""

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

STAGES = {
    "read and label": ("deblur/fitting.py", ("label_stream",)),
    "flow and planes": ("blur/alignment.py", ("_found",)),
    "warp": ("hvdbench/flow.py", ("warp",)),
    "re-blur": ("blur/averaging.py", ("average_along_line", "average_along_path")),
    "blend": ("blur/reblur.py", ("blend_by_errors",)),
    "fit (has re-blur in it)": ("fusion/fit.py", ("run",)),
    "network": ("", ("apply_network", "apply_fusion")),
}
METHODS = ("fusion_pretrained", "selfhvd_rc_fusion")


def profiled(clip: Path, method: str, output: Path, table: Path) -> None:
    """Restore a clip in this process, and write the CPU seconds of each stage, over all threads, to ``table``."""
    profiles: list[cProfile.Profile] = []

    def begin(*_: Any) -> None:
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.enable()

    from hvdbench.cli.main import cli

    threading.setprofile(begin)
    begin()
    try:
        cli(["deblur", str(clip), "-o", str(output), "--method", method], standalone_mode=False)
    finally:
        profiles[0].disable()
        threading.setprofile(None)
        table.write_text(json.dumps(_by_stage(profiles)), encoding="utf-8")


def _by_stage(profiles: list[cProfile.Profile]) -> dict[str, float]:
    found = dict.fromkeys(STAGES, 0.0)
    for profile in profiles:
        profile.create_stats()
        for (file, _, function), (_, _, _, cumulative, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
            for stage, (place, names) in STAGES.items():
                if function in names and place in file and not any(caller[2] in names for caller in callers):
                    found[stage] += cumulative
    return found


def timed(clip: Path, method: str) -> dict[str, Any]:
    """Restore a clip twice in processes of their own: plainly, for the totals, and under a profiler, for the stages."""
    with tempfile.TemporaryDirectory() as folder:
        plain, table = Path(folder) / "plain", Path(folder) / "stages.json"
        row = _totals(clip, plain, ["--method", method], dict(os.environ))
        facts = json.loads(plain.with_suffix(".json").read_text(encoding="utf-8"))
        again = [sys.executable, "-m", "benchmarks.deblur_speed", str(clip), "--profile", method, str(table)]
        subprocess.run(again, check=True, stdout=subprocess.DEVNULL)
        stages: dict[str, float] = json.loads(table.read_text(encoding="utf-8"))
    kept = {name: round(seconds, 1) for name, seconds in stages.items() if seconds >= 0.05}
    return row | {"timing": _timing_of(facts), "stages": kept}


def timed_before(clip: Path, checkout: Path) -> dict[str, Any]:
    """Restore a clip by the default of an older checkout."""
    with tempfile.TemporaryDirectory() as folder:
        row = _totals(clip, Path(folder) / "plain", [], os.environ | {"PYTHONPATH": str(checkout)})
    return row | {"timing": {}, "stages": {}}


def _totals(clip: Path, output: Path, options: list[str], environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-c", "from hvdbench.cli.main import main; main()"]
    command += ["deblur", str(clip), "-o", str(output), *options]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, cwd=output.parent)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "wall_s": round(time.perf_counter() - begun, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
    }


def _timing_of(facts: Any) -> dict[str, Any]:
    """Find the prediction and the time since in what a run recorded."""
    if isinstance(facts, dict) and "predicted_s" in facts:
        return {"predicted_s": facts["predicted_s"], "took_s": facts["took_s"]}
    parts = facts.values() if isinstance(facts, dict) else facts if isinstance(facts, list) else ()
    return next((found for found in map(_timing_of, parts) if found), {})


def main() -> None:
    """Print a table, one row for each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--method", action="append")
    parser.add_argument("--before", type=Path, help="An older checkout, whose default is the last row.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--profile", nargs=2, metavar=("METHOD", "TABLE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.profile:
        with tempfile.TemporaryDirectory() as folder:
            profiled(options.clip, options.profile[0], Path(folder) / "out", Path(options.profile[1]))
        return
    rows = {method: timed(options.clip.resolve(), method) for method in options.method or METHODS}
    if options.before:
        rows["the default before"] = timed_before(options.clip.resolve(), options.before.resolve())
    last = list(rows.values())[-1]["cpu_s"]
    print("| method | CPU s | of the last row's | wall s | peak GiB | predicted s, took s | stages, CPU s |")
    print("|---|---|---|---|---|---|---|")
    for method, row in rows.items():
        stages = ", ".join(f"{name} {seconds:g}" for name, seconds in row["stages"].items())
        timing = ", ".join(f"{value:g}" for value in row["timing"].values()) or "none"
        print(
            f"| `{method}` | {row['cpu_s']:g} | {row['cpu_s'] / last:.2f} | {row['wall_s']:g} | {row['peak_gib']:g} "
            f"| {timing} | {stages} |"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
