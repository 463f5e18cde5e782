"""Prepare a clip's part of a page: its pictures, charts and numbers, ready for the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from hvdbench.pages.charts import Series, chart_values, frame_chart, legend, number, thinned, time_chart, y_limits
from hvdbench.pages.exposures import exposure_scale
from hvdbench.pages.page_clip import inks
from hvdbench.pages.pictures import shown_size
from hvdbench.pages.view import BLURRY, CLASS_NAMES, TRUTH_NAMES, ClipView, Floats, TellingFrame, detail_centre
from hvdbench.tables.table import DASH, rounded

WIDE, NARROW = (1080, 280), (360, 250)
PATH_WIDE, PATH_NARROW = (520, 180), (360, 170)


@dataclass(frozen=True)
class Chart:
    """A figure: drawings (one for wide, one for narrow pages), wording, and the values that the pointer reads."""

    title: str
    text: str
    legend: Markup
    drawings: tuple[Markup, ...]
    values: dict[str, Any]
    is_apart: bool = False
    """Whether its points are drawn without a line that joins them."""
    is_heat: bool = False
    """Whether it is a heat map, whose drawing is a picture of a pixel a cell."""


@dataclass(frozen=True)
class SummaryRow:
    """A method's means over the frames of one clip that were not selected."""

    label: str
    psnr: str
    gain: str
    harmed: str
    psnr_all: str


def truth_name(clip: ClipView) -> str:
    """Return the instant whose truth a clip's numbers use, in words."""
    return TRUTH_NAMES.get(clip.truth or "", "instant not named")


def chips(clip: ClipView) -> list[str]:
    """List the short facts under a clip's name."""
    height, width = clip.frames[BLURRY].shape[1:3]
    shown = shown_size(width, height)
    facts = [clip.source, clip.scene_kind.replace("_", " "), f"{len(clip.t_s)} frames of {width}×{height}"]
    facts.append(f"{int(clip.is_selected.sum())} selected")
    if shown != (width, height):
        facts.append(f"shown at {shown[0]}×{shown[1]}")
    return [fact for fact in facts if fact]


def picture_name(clip_number: int, index: int, key: str) -> str:
    """Return the name of a picture in a page's album."""
    return f"{clip_number}/{index}/{key}"


def viewer_data(
    clip: ClipView, clip_number: int, picks: Sequence[TellingFrame], uris: dict[str, str]
) -> dict[str, Any]:
    """Return what the page's script needs to show a clip's embedded frames; JSON-able."""
    height, width = clip.frames[BLURRY].shape[1:3]
    shown_width, shown_height = shown_size(width, height)
    size = max(24, min(shown_width // 5, shown_height // 2, 150))
    start = next((n for n, pick in enumerate(picks) if pick.why.startswith("the blurriest")), 0)
    x, y = detail_centre(clip, picks[start].index, max(1, round(size * width / shown_width)))
    data: dict[str, Any] = {
        "width": shown_width,
        "height": shown_height,
        "magnifier": {"size": size, "x": round(x * shown_width / width), "y": round(y * shown_height / height)},
        "start": start,
        "threshold": round(float(clip.threshold), 2),
        "keys": [{"key": key, "label": clip.label(key), "ink": inks(clip.methods)[key]} for key in clip.keys],
        "frames": [_frame_data(clip, clip_number, pick, uris) for pick in picks],
    }
    if clip.exposure_residual_px is not None:
        residual, hand = clip.exposure_residual_px, clip.exposure_hand_px
        shown = [pick.index for pick in picks]
        scale = exposure_scale(residual[shown], None if hand is None else hand[shown])
        bar = number(scale.bar_px, 1.0 if scale.bar_px >= 1 else 0.1)
        data["scale"] = {"units": round(scale.bar_units, 2), "text": f"{bar} px"}
        for entry, pick in zip(data["frames"], picks, strict=True):
            entry["residual"] = scale.path(residual[pick.index])
            entry["hand"] = "" if hand is None else scale.path(hand[pick.index])
    return data


def _frame_data(clip: ClipView, clip_number: int, pick: TellingFrame, uris: dict[str, str]) -> dict[str, Any]:
    index = pick.index
    known = clip.oracle_class is not None
    return {
        "index": index,
        "t_s": round(float(clip.t_s[index]), 4) if clip.has_times else None,
        "why": pick.why,
        "oracle": CLASS_NAMES[int(clip.oracle_class[index])] if known and clip.oracle_class is not None else None,
        "selected": bool(clip.is_selected[index]),
        "sharpness": round(float(clip.sharpness[index]), 2),
        "extent_px": None if clip.displacement_px is None else round(float(clip.displacement_px[index]), 2),
        "psnr": {key: _rounded(float(values[index])) for key, values in clip.psnr.items()},
        "pictures": {key: uris[picture_name(clip_number, index, key)] for key in clip.keys},
    }


def _rounded(value: float) -> float | None:
    return round(value, 2) if np.isfinite(value) else None


def summary(clip: ClipView) -> list[SummaryRow]:
    """Average each method's PSNR over the frames that were not selected, and count those it made worse."""
    if BLURRY not in clip.psnr:
        return []
    rest = ~clip.is_selected
    if not rest.any():
        return []
    before = clip.psnr[BLURRY]
    rows = []
    for key in clip.keys:
        if key not in clip.psnr:
            continue
        values = clip.psnr[key]
        gain = "" if key == BLURRY else _signed(float(np.mean(values[rest]) - np.mean(before[rest])))
        harmed = "" if key == BLURRY else f"{100 * float(np.mean(values[rest] < before[rest])):.0f}%"
        rows.append(SummaryRow(clip.label(key), _db(values[rest]), gain, harmed, _db(values)))
    return rows


def _db(values: Floats) -> str:
    mean = float(np.mean(values))
    return f"{mean:.2f}" if np.isfinite(mean) else ("∞" if np.isposinf(mean) else "–")


def _signed(value: float) -> str:
    return rounded(value, 2, signed=True).replace("-", "−") if np.isfinite(value) else DASH


def charts(clip: ClipView) -> list[Chart]:
    """Draw a clip's curves over its frames: PSNR (with a truth) and sharpness."""
    drawn = []
    colours = inks(clip.methods)
    if clip.psnr:
        lines = [Series(key, clip.label(key), clip.psnr[key], colours[key]) for key in clip.keys if key in clip.psnr]
        entries = [(line.ink, line.label) for line in lines]
        text = f"Against the truth at {_instant(clip)}. The two methods chosen above are drawn strong."
        drawn.append(_frame_figure(clip, lines, f"PSNR per frame, {truth_name(clip)} truth", text, "dB", 2, entries))
    line = Series("sharpness", "sharpness of the input", clip.sharpness, "sharpness")
    text = "What the labeller saw. Dots in the row below mark the frames that it selected."
    drawn.append(_frame_figure(clip, [line], "Sharpness of the input", text, "variance of the Laplacian", 1, []))
    return drawn


def _instant(clip: ClipView) -> str:
    return {"mid": "mid-exposure", "centroid": "the exposure's centroid"}.get(clip.truth or "", "an instant not named")


def _frame_figure(
    clip: ClipView,
    lines: Sequence[Series],
    title: str,
    text: str,
    unit: str,
    digits: int,
    entries: Sequence[tuple[str, str]],
) -> Chart:
    is_sharpness = lines[0].key == "sharpness"
    drawings = tuple(
        frame_chart(
            lines,
            title=f"{title}, clip {clip.name}",
            unit=unit,
            width=width,
            height=height - (60 if is_sharpness else 0),
            is_selected=clip.is_selected,
            oracle_class=clip.oracle_class,
            threshold=float(clip.threshold) if is_sharpness and np.isfinite(clip.threshold) else None,
            from_zero=is_sharpness,
            direct_labels=width > 600,
        )
        for width, height in (WIDE, NARROW)
    )
    x = np.arange(len(clip.t_s), dtype=np.float64)
    values = chart_values(x, lines, unit, "frame", digits)
    return Chart(title, text, legend(entries) if entries else Markup(""), drawings, values)


def path_charts(clip: ClipView) -> list[Chart]:
    """Draw the camera's path: per axis, the hand and the lens, and on a scale of its own what is left."""
    t_s, hand, lens, residual = clip.path_t_s, clip.path_hand_deg, clip.path_lens_deg, clip.path_residual_deg
    if t_s is None or hand is None or lens is None or residual is None or len(t_s) < 2:
        return []
    keep = thinned(len(t_s))
    both = y_limits([hand[:, :2], lens[:, :2]], symmetric=True)
    left = y_limits([residual[:, :2]], symmetric=True)
    drawn = []
    for axis, name in enumerate(("pitch", "yaw")):
        moved = [
            Series("hand", "hand", hand[keep, axis], "hand"),
            Series("lens", "lens", lens[keep, axis], "lens"),
        ]
        rest = [Series("residual", "residual", residual[keep, axis], "residual")]
        title = f"{name.capitalize()} (about {'xy'[axis]})"
        drawn.append(_path_figure(clip, t_s[keep], moved, f"{title}: hand and lens", both))
        drawn.append(_path_figure(clip, t_s[keep], rest, f"{title}: residual", left))
    return drawn


def _path_figure(
    clip: ClipView, t_s: Floats, lines: Sequence[Series], title: str, limits: tuple[float, float]
) -> Chart:
    drawings = tuple(
        time_chart(t_s, lines, title=f"{title}, clip {clip.name}", unit="angle (°)", size=size, y_range=limits)
        for size in (PATH_WIDE, PATH_NARROW)
    )
    entries = [(line.ink, {"lens": "lens (compensating angle)"}.get(line.key, line.label)) for line in lines]
    samples = legend(entries) if len(entries) > 1 else Markup("")
    return Chart(title, "", samples, drawings, chart_values(t_s, lines, "°", "time", 3))
