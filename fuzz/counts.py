"""What was run, added up over all runs in ``counts.json``, and the table of it: ``python -m fuzz.driver --table``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "counts.json"
_MEGABYTE = 1 << 20


@dataclass
class Count:
    """What a harness has done.

    Attributes:
        inputs: how many files were read, of which ``read`` were taken and ``refused`` ended in a sentence.
        seconds: computing time of reading and of making the inputs.
        slowest_s: the longest computing time of one input.
        peak_bytes: the most memory that one input took beyond what the process had.
        crashes: how often each kind of crash was met, in all runs; most were mended meanwhile.
        open: crashes whose kept input still breaks the reader, as ``--again`` found.
        lines: the share of lines of the reader's modules that a sample ran, in per cent; None where not measured.
        sample: how many inputs that sample had.
    """

    inputs: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    peak_bytes: int = 0
    crashes: dict[str, int] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    lines: float | None = None
    sample: int = 0

    def add(self, more: "Count") -> None:
        """Add what another run of the same harness did."""
        self.inputs += more.inputs
        self.read += more.read
        self.refused += more.refused
        self.seconds += more.seconds
        self.slowest_s = max(self.slowest_s, more.slowest_s)
        self.peak_bytes = max(self.peak_bytes, more.peak_bytes)
        for place, number in more.crashes.items():
            self.crashes[place] = self.crashes.get(place, 0) + number


def load(folder: Path) -> dict[str, Count]:
    """Return the counts by harness; empty where nothing was run."""
    path = folder / FILE
    if not path.is_file():
        return {}
    return {name: Count(**values) for name, values in json.loads(path.read_text(encoding="utf-8")).items()}


def save(folder: Path, counts: Mapping[str, Count]) -> None:
    """Write the counts, so that a run that is ended meanwhile leaves the former ones."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps({name: asdict(one) for name, one in counts.items()}, indent=1), encoding="utf-8")
    part.replace(folder / FILE)


def table(counts: Mapping[str, Count]) -> str:
    """Return a Markdown table of the harnesses, and a line of their sum."""
    lines = [
        "| harness | inputs | read | refused | per second | slowest, s | memory, MB | lines | crashes met | open |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in counts.items():
        share = "" if one.lines is None else f"{one.lines:.0f} % of {one.sample}"
        lines.append(
            f"| `{name}` | {one.inputs} | {one.read} | {one.refused} | {one.inputs / max(one.seconds, 1e-9):.0f} | "
            f"{one.slowest_s:.2f} | {one.peak_bytes / _MEGABYTE:.0f} | {share} | {len(one.crashes)} | {len(one.open)} |"
        )
    every = counts.values()
    inputs, seconds = sum(one.inputs for one in every), sum(one.seconds for one in every)
    lines.append(
        f"\n{len(counts)} harnesses, {inputs} inputs in {seconds / 60:.1f} minutes of computing "
        f"({1000 * seconds / max(inputs, 1):.2f} ms an input), {sum(len(one.crashes) for one in every)} kinds of "
        f"crashes met, {sum(len(one.open) for one in every)} of them open."
    )
    return "\n".join(lines)
