"""Define options that had other spellings in former versions, and types that read the values of options."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hvdbench.video.crop import Crop

    Crops = click.ParamType[Crop]
    Seeds = click.ParamType[int]
    Times = click.ParamType[float]
else:
    Crops = Seeds = Times = click.ParamType  # only from click 8.4 on can this class be subscripted at run time


_SEEDS = click.IntRange(0, 2**63 - 1)


class Renamed(click.Option):
    """An option that is also accepted under old spellings, which no help and no error shows."""

    def __init__(self, *args: Any, old: tuple[str, ...] = (), **attributes: Any) -> None:
        """Hold the old spellings; the other arguments are those of :class:`click.Option`."""
        super().__init__(*args, **attributes)
        self.old = old

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Register the option with the parser under its present and its old spellings."""
        shown = self.opts
        self.opts = [*shown, *self.old]
        super().add_to_parser(parser, ctx)
        self.opts = shown


class CropType(Crops):
    """Reads ``x:y:w:h`` in px; the reader of crops still accepts the older ``x,y,w,h`` too."""

    name = "x:y:w:h"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the syntax as it is typed; click would write it in capitals."""
        return self.name

    def convert(self, value: "str | Crop", param: click.Parameter | None, ctx: click.Context | None) -> "Crop":
        """Read a crop.

        Raises:
            InputError: the text cannot be read as a crop.
        """
        if not isinstance(value, str):
            return value
        from hvdbench.video.crop import parse_crop

        return parse_crop(value)


class TimeType(Times):
    """Reads a time as seconds, ``m:ss`` or ``h:mm:ss``; for a folder of frames it is a frame number."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a time.

        Raises:
            InputError: the text is no time.
        """
        if not isinstance(value, str):
            return value
        from hvdbench.video.input import parse_time

        return parse_time(value)


class SeedType(Seeds):
    """Reads a seed; unlike click's own type it keeps the range of 19 digits out of the help."""

    name = "integer"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a whole number, 0 or more, that both NumPy and torch accept as a seed."""
        return int(_SEEDS(value, param, ctx))
