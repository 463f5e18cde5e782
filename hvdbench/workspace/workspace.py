"""Hold where a command reads and writes, and how strict it is, in one value in place of many keywords."""

from dataclasses import dataclass
from pathlib import Path

from hvdbench.workspace.fallback import Fallback


@dataclass(frozen=True)
class Workspace:
    """The folders of a piece of work, and what is allowed in them.

    Attributes:
        runs: the folder of restored frames and trained weights, ``<runs>/<method>/<dataset>``.
        boards: the folder of the leaderboards' CSV files.
        datasets: the folder in which datasets are looked for that were not named by a path.
        overwrite: whether runs, weights and outputs that came from other settings are replaced.
        strict: whether it is an error that a default would replace what is not configured.
        trust: whether import strings and commands inside recipe and result files may run.
    """

    runs: Path = Path("runs")
    boards: Path = Path("leaderboards")
    datasets: Path = Path("datasets")
    overwrite: bool = False
    strict: bool = False
    trust: bool = False

    @classmethod
    def from_environment(
        cls,
        *,
        runs: Path = Path("runs"),
        boards: Path = Path("leaderboards"),
        datasets: Path = Path("datasets"),
        overwrite: bool = False,
        strict: bool = False,
        trust: bool = False,
    ) -> "Workspace":
        """Return a workspace that is also strict if ``HVDBENCH_STRICT`` is set to anything but 0."""
        strict = Fallback.from_environment(strict).strict
        return cls(runs, boards, datasets, overwrite=overwrite, strict=strict, trust=trust)

    @property
    def fallback(self) -> Fallback:
        """The decision whether a default may be used."""
        return Fallback(self.strict)
