"""Write the page of a sweep over stabilisers: tables, pictures and settings in one HTML file that needs no network."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hvdbench import pages
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.sweep.figures import as_png, draw_restored, draw_sharp_share, draw_suppression
from hvdbench.sweep.measure import Camera
from hvdbench.sweep.rows import RestoredRow, SharpRow, SuppressionRow
from hvdbench.workspace.atomic import atomic_write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FOLDER = Path(pages.__file__).resolve().parent
SHOWN_HZ = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 20.0)
SHARP_COLUMNS = ("stabiliser", "sharp", "run sharp", "run blurry", "extent 10/50/90 %", "motion 10/50/90 %")
HVD = ("three HVD clips, real", "4-23 %", "1-2", "3-9", "5-10 / 13-18 / 28-30", "5-14 / 13-25 / 33-49")
"""What three real clips of a phone's were measured at, in the columns above; the hand `hvd` is set to them."""


@dataclass(frozen=True)
class Table:
    """A table of texts: first column names, ``foot`` a row of reference or nothing."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, a picture for light and one for dark, and tables."""

    id: str
    short: str
    title: str
    text: str
    alt: str
    light: str
    dark: str
    tables: Sequence[Table]


def sweep_page(
    path: Path,
    *,
    stabilisers: Mapping[str, OisSettings],
    sharp: Sequence[SharpRow],
    suppression: Sequence[SuppressionRow],
    restored: Sequence[RestoredRow] = (),
    method: str = "",
    data_recipe: str = "",
    hands: str = "",
    camera: Camera | None = None,
    seed: int = 0,
) -> None:
    """Write the page of a sweep.

    Args:
        path: the HTML file; written whole or not at all.
        stabilisers: by name, with all their settings.
        sharp: one row a hand and stabiliser.
        suppression: one row a stabiliser, amplitude and frequency; empty where nothing was shaken.
        restored: one row a stabiliser, scene and truth; empty where nothing was restored.
        method, data_recipe: what restored, and what the clips were made with.
        hands: the log that stood in for simulated hands; empty for none.
        camera: what the motion was seen with; None: the usual one.
        seed: of the sweep.
    """
    sections = [_sharp_section(sharp, camera or Camera())]
    if restored:
        sections.append(_restored_section(restored, method, data_recipe))
    if suppression:
        sections.append(_suppression_section(suppression))
    keys = [key for key in OisSettings.model_fields if key != "kind"]
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    page = environment.get_template("sweep.html").render(
        css=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        stamp=f"simulated: {len(stabilisers)} stabilisers, {hands or 'hand model'}, seed {seed}",
        from_log=bool(hands),
        method=method,
        sections=sections,
        keys=["kind", *keys],
        settings=[(name, _cells(ois, ["kind", *keys])) for name, ois in stabilisers.items()],
    )
    atomic_write_text(path, page)


def _cells(ois: OisSettings, keys: Sequence[str]) -> list[tuple[str, bool]]:
    default = OisSettings()
    return [(_plain(getattr(ois, key)), getattr(ois, key) != getattr(default, key)) for key in keys]


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pictures(draw: "Callable[[Sequence[Any]], Figure]", rows: Sequence[Any]) -> dict[str, str]:
    def uri(dark: bool) -> str:
        return "data:image/png;base64," + base64.b64encode(as_png(draw, rows, dark=dark)).decode()

    return {"light": uri(False), "dark": uri(True)}


def _sharp_section(rows: Sequence[SharpRow], camera: Camera) -> Section:
    rolls = camera.readout_s > 0
    tables = [
        Table(
            f"Hand: {hand}, {next(row.frames for row in rows if row.hand == hand)} frames",
            (*SHARP_COLUMNS, "skew 50/90 %") if rolls else SHARP_COLUMNS,
            [_sharp_row(row, rolls=rolls) for row in rows if row.hand == hand],
            HVD if hand == "hvd" and camera == Camera() else (),
        )
        for hand in dict.fromkeys(row.hand for row in rows)
    ]
    return Section(
        id="sharp",
        short="Sharp frames",
        title="Sharp frames",
        text=f"A frame's centre, {camera}; extents and motion in px, runs in frames.{_SKEW if rolls else ''}",
        alt="Share of sharp frames and mean runs for each stabiliser and hand; the tables below hold the numbers.",
        tables=tables,
        **_pictures(draw_sharp_share, rows),
    )


_SKEW = (
    " A frame's extent is the median over its rows. Skew is the motion from the first row's exposure to the last row's."
)


def _sharp_row(row: SharpRow, *, rolls: bool) -> list[str]:
    extent = (row.blur_p10_px, row.blur_p50_px, row.blur_p90_px)
    motion = (row.motion_p10_px, row.motion_p50_px, row.motion_p90_px)
    skew = [(row.skew_p50_px, row.skew_p90_px)] if rolls else []
    percentiles = [" / ".join(f"{value:.1f}" for value in values) for values in (extent, motion, *skew)]
    return [row.stabiliser, f"{row.sharp_share:.0%}", _run(row.sharp_run), _run(row.blurry_run), *percentiles]


def _run(frames: float) -> str:
    return "–" if math.isnan(frames) else f"{frames:.1f}"


def _restored_section(rows: Sequence[RestoredRow], method: str, data_recipe: str) -> Section:
    tables = []
    for scene in dict.fromkeys(row.scene for row in rows):
        mine = {(row.stabiliser, row.truth): row for row in rows if row.scene == scene}
        frames = next(iter(mine.values())).frames
        tables.append(
            Table(
                f"Mean over the scenes, {frames} frames" if scene == "*" else f"Scene: {scene}, {frames} frames",
                ("stabiliser", "sharp", *(f"{what}, {truth}" for truth in ("mid", "centroid") for what in _WHAT)),
                [
                    [
                        name,
                        f"{mine[name, 'mid'].sharp_share:.0%}",
                        *_decibels(mine[name, "mid"], mine[name, "centroid"]),
                    ]
                    for name in dict.fromkeys(row.stabiliser for row in mine.values())
                ],
            )
        )
    return Section(
        id="restored",
        short="Restored",
        title=f"Restored by {method}",
        text=f"Small clips of embedded scenes, with hand and exposure of '{data_recipe}', made under each stabiliser, "
        "and restored. PSNR in dB, input to restored; 'not sharp' leaves out frames that the oracle calls sharp.",
        alt="PSNR of input and restored frames for each stabiliser; the tables below hold the numbers.",
        tables=tables,
        **_pictures(draw_restored, rows),
    )


_WHAT = ("all frames", "not sharp")


def _decibels(*rows: RestoredRow) -> list[str]:
    pairs = [pair for row in rows for pair in _pairs(row)]
    return ["–" if math.isnan(after) else f"{before:.2f} → {after:.2f}" for before, after in pairs]


def _pairs(row: RestoredRow) -> list[tuple[float, float]]:
    return [(row.input_db, row.restored_db), (row.blurry_input_db, row.blurry_restored_db)]


def _suppression_section(rows: Sequence[SuppressionRow]) -> Section:
    amplitudes = sorted({row.amplitude_deg for row in rows})
    found = {(row.stabiliser, row.amplitude_deg, row.frequency_hz): row.residual_db for row in rows}
    names = list(dict.fromkeys(row.stabiliser for row in rows))
    columns = ("stabiliser", *(f"{frequency:g} Hz" for frequency in SHOWN_HZ))
    tables = [
        Table(
            f"Swing of {amplitude:g} deg to each side, dB",
            columns,
            [[name, *(str(round(found[name, amplitude, frequency])) for frequency in SHOWN_HZ)] for name in names],
        )
        for amplitude in amplitudes
    ]
    return Section(
        id="suppression",
        short="Suppression",
        title="Suppression",
        text="Residual over hand for sinusoids about one axis, without the gyro's noise. The dotted line is the closed "
        "form for small swings.",
        alt="Residual over hand in dB against frequency, a panel a stabiliser; the tables below hold the numbers.",
        tables=tables,
        **_pictures(draw_suppression, rows),
    )
