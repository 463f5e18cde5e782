"""Define a metric: a function or an opener, together with every fact that its callers must know.

The catalogue (``hvdbench.catalog.METRICS``) lists a :class:`Metric` a line; tables, ranks, kept scores and the command
line read its facts and keep none of their own. Importing this imports neither torch nor pyiqa.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.metrics.measure import Compared, Measure

Better = Literal["higher", "lower"]
Per = Literal["frame", "pair", "run"]
FrameFunction = Callable[[Frame, Frame], float]
"""Takes a restored frame and its truth, uint8 RGB (H, W, 3), and returns a number."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Facts:
    """What a board states about a metric, and how it shows and ranks it. All of it can be written as JSON.

    Attributes:
        name: on boards, and of the file that keeps its scores; letters, digits and ``._+-``.
        title: in tables; empty: the name.
        unit: in brackets behind the title.
        better: which values are better; None: that is not known, and then the metric is not ranked.
        decimals: in print.
        factor: of the stored value in print, 100 for a share that is shown in percent.
        per: what one value is about: a frame, a frame and the one before it, or a whole run. Only values of frames
            have rows for subsets of frames.
        least, most: the ends of the range of a share; None: there is no end. An interval is cut there.
        asked_as: the name to ask for it by; empty: its own.
    """

    name: str
    title: str = ""
    unit: str = ""
    better: Better | None = None
    decimals: int = 4
    factor: float = 1.0
    per: Per = "frame"
    least: float | None = None
    most: float | None = None
    asked_as: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or ".." in self.name:
            raise InputError(
                f"a metric cannot be named '{self.name}': use at most 100 letters, digits and the signs . _ + -"
            )

    @property
    def of_clips(self) -> bool:
        """Whether its values are of pairs of frames or of a run, so that no subset of frames has any."""
        return self.per != "frame"

    @property
    def asked(self) -> str:
        """The name to ask for it by."""
        return self.asked_as or self.name

    def within(self, low: float, high: float) -> tuple[float, float]:
        """Cut an interval at the ends of the metric's range; NaN stays."""
        low = self.least if self.least is not None and low < self.least else low
        return low, self.most if self.most is not None and high > self.most else high


@dataclass(frozen=True)
class Metric(Facts):
    """A metric that can be run.

    Attributes:
        function: of a restored frame and its truth, for a metric of one frame.
        opener: makes the measure for a device; for every other kind of metric.
        needs: what a frame is compared with: nothing, the truth, or the truth and without one the input; ``subframes``
            for a sequence that is compared with the sub-frames of an exposure.
        beside: the facts of further numbers that it enters on a board.
        together: the name of the measure that measures it along with others; empty: its own.
        identity: everything that changes a number; empty for a function, which its source file identifies.
        is_usual: whether every board has it without a request.
        missing: returns why it cannot be opened, as far as that is known without opening it, or None.
    """

    function: FrameFunction | None = None
    opener: Callable[[str], Measure] | None = None
    needs: Compared = "truth"
    beside: tuple[Facts, ...] = ()
    together: str = ""
    identity: str = ""
    is_usual: bool = False
    missing: Callable[[], str | None] | None = None

    def __call__(self, restored: Frame, truth: Frame) -> float:
        """Measure one frame.

        Raises:
            InputError: if the metric is not a function of one frame and its truth, or if it refuses the frames.
        """
        if self.function is None:
            raise InputError(
                f"metric '{self.name}' is not a function of one frame and its truth: open it with open_measure"
            )
        return float(self.function(restored, truth))

    @property
    def measured_with(self) -> str:
        """The name of the measure that it is part of, and of the file that keeps its scores."""
        return self.together or self.asked

    @property
    def shown(self) -> tuple[Facts, ...]:
        """The facts of all that it enters on a board, its own first."""
        return (self, *(replace(facts, asked_as=self.asked) for facts in self.beside))


def facts_as_data(facts: Facts) -> Mapping[str, object]:
    """Return the facts alone, in the form that is written as JSON."""
    own = asdict(Facts(**{name: getattr(facts, name) for name in Facts.__dataclass_fields__}))
    return {name: value for name, value in own.items() if value != Facts.__dataclass_fields__[name].default}


def facts_from_data(data: object, where: str) -> Facts:
    """Read what :func:`facts_as_data` returned.

    Args:
        data: as JSON gave it.
        where: the file, for the sentence.

    Raises:
        InputError: if the data are something else.
    """
    types: Mapping[str, type | tuple[type, ...]] = {
        **dict.fromkeys(("name", "title", "unit", "per", "asked_as"), str),
        **dict.fromkeys(("factor", "least", "most"), (int, float)),
        "decimals": int,
        "better": str,
    }
    words = {"better": ("higher", "lower"), "per": ("frame", "pair", "run")}
    if isinstance(data, dict) and all(
        name in types and isinstance(value, types[name]) and value in words.get(name, (value,))
        for name, value in data.items()
    ):
        try:
            return Facts(**data)
        except TypeError:  # it has no name
            pass
    raise InputError(
        f"{where} contains an entry that does not state the facts of a metric: remove the file and score again"
    )
