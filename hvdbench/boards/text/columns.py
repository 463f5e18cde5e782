"""Define how each metric is shown, by its facts: title, unit, decimals, factor and direction."""

from collections.abc import Iterable, Iterator, Mapping, ValuesView
from dataclasses import dataclass

from hvdbench.boards.facts import metric_facts, ordered_facts
from hvdbench.metrics.metric import Better, Facts


@dataclass(frozen=True)
class Column:
    """How a metric is shown.

    Attributes:
        label: its name in a title.
        unit: in brackets behind it.
        decimals: in print.
        factor: of the stored value, 100 for a share shown in percent.
        better: which values are better, None where that is not known.
    """

    label: str
    unit: str = ""
    decimals: int = 2
    factor: float = 1.0
    better: Better | None = None

    def title(self, truth: str) -> str:
        """Return the column's title: metric, truth, unit."""
        words = [self.label, *([] if truth == "none" else [truth]), *([f"({self.unit})"] if self.unit else [])]
        return " ".join(words)

    def number(self, value: float) -> str:
        """Round a stored value for a sentence, with its unit's factor; what rounds to zero has no sign."""
        return f"{self.factor * value:z.{self.decimals}f}"


HALF_WIDTHS = {"psnr": "psnr_half"}
"""Metrics whose column is followed by half the width of their interval, and the name of that column."""


class _Columns(Mapping[str, Column]):
    """The columns that have a place in a table, in order; made from the facts each time, since boards bring more."""

    def __getitem__(self, name: str) -> Column:
        return dict(_ordered())[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in _ordered())

    def __len__(self) -> int:
        return len(_ordered())

    def values(self) -> ValuesView[Column]:
        return dict(_ordered()).values()


METRICS: Mapping[str, Column] = _Columns()


def _ordered() -> list[tuple[str, Column]]:
    found = []
    for facts in ordered_facts():
        found.append((facts.name, _of(facts)))
        if facts.name in HALF_WIDTHS:
            half = HALF_WIDTHS[facts.name]
            found.append((half, column(half)))
    return found


def column(metric: str) -> Column:
    """Return a metric's column; one of which nothing is known is called by its name, and has no direction."""
    for name, half in HALF_WIDTHS.items():
        if metric == half:
            whole = column(name)
            return Column(f"± {whole.label}", whole.unit, whole.decimals, whole.factor)
    facts = metric_facts(metric)
    return Column(metric, decimals=4) if facts is None else _of(facts)


def _of(facts: Facts) -> Column:
    return Column(facts.title or facts.name, facts.unit, facts.decimals, facts.factor, facts.better)


def shown_metrics(found: Iterable[str]) -> list[str]:
    """Order metrics for a table: those that have a place in their order, then others by name."""
    present, placed = set(found), list(METRICS)
    return [*(metric for metric in placed if metric in present), *sorted(present - set(placed))]
