"""The tables of ``docs/validity.md``, written between its markers from the averages alone."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.validity.circularity import CLIPS, RECIPES

Report = Mapping[str, Any]
_MARKED = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_STARTS = {"input": "input", "warp_average": "`warp_average`", "fit": "stage 2", "truth": "truth (bound)"}


def filled(page: str, report: Report) -> str:
    """Write the tables of a page anew; a table whose part was not measured says so."""

    def table(found: re.Match[str]) -> str:
        name = found["name"]
        part, make = TABLES[name]
        return f"{found[1]}\n{make(report[part]) if part in report else 'Not measured.'}\n\n{found[3]}"

    return _MARKED.sub(table, page)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: float | None, places: int = 2, *, sign: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if sign else ''}.{places}f}"


def flow_table(part: Report) -> str:
    """End-point errors by where the flow started, distance and extent."""
    head = ("flow from", "pairs", "EPE", "median", "in M", "outside M", "M where seen", "M where hidden")
    keys = ("epe", "epe_median", "epe_inside", "epe_outside", "mask_visible", "mask_hidden")
    rows = []
    for start, title in _STARTS.items():
        for kind, name in _kinds(part[start], all_kinds=start == "input"):
            entry = part[start][kind][name]
            label = title if kind == "all" else f"– {_worded(kind, name)}"
            rows.append((label, str(entry["pairs"]), *(_number(entry.get(key)) for key in keys)))
    return _table(head, rows)


def instant_table(part: Report) -> str:
    """The same flow against both instants."""
    rows = [
        (
            _worded(kind, name) if kind != "all" else "all",
            _number(part["input"][kind][name]["epe"]),
            _number(part["input"][kind][name]["epe_mid"]),
        )
        for kind, name in _kinds(part["input"], all_kinds=True)
    ]
    return _table(("pairs", "EPE to the centroid's flow", "EPE to mid-exposure's"), rows)


def warp_table(part: Report) -> str:
    """PSNR of warped sharp frames beside the blurry frame's, inside and outside the mask."""
    head = ("pairs", "warped, in M", "blurry, in M", "exact flow, in M", "warped, outside M", "blurry, outside M")
    keys = ("psnr_inside", "blurry_inside", "exact_inside", "psnr_outside", "blurry_outside")
    rows = [
        (
            "all" if kind == "all" else _worded(kind, name),
            *(_number(part["input"][kind][name].get(key), 1) for key in keys),
        )
        for kind, name in _kinds(part["input"], all_kinds=True)
    ]
    return _table(head, rows)


def _kinds(found: Report, *, all_kinds: bool) -> list[tuple[str, str]]:
    kinds = ("all", "distance", "extent_px", "clip") if all_kinds else ("all",)
    return [(kind, name) for kind in kinds for name in found[kind]]


def _worded(kind: str, name: str) -> str:
    return {"distance": f"{name} frames off", "extent_px": f"blur {name} px", "clip": name.removeprefix("v_")}[kind]


def propagation_table(part: Report) -> str:
    """Decibel by stage and labels, beside what the same labels give without learning."""
    head = (
        "labels",
        "selected",
        "of these sharp",
        "blurry",
        "`warp_average`",
        "stage 1",
        "stage 2",
        "to oracle's",
        "stage 2, mid",
        "sd",
    )
    before = part["rows"]["input"]["input"]
    base = part["rows"]["oracle"]["stage 2"]["centroid"]["mean"]
    rows = [
        ("input", "–", "–", "–", *[_number(before["centroid"]["mean"])] * 3, "–", _number(before["mid"]["mean"]), "–"),
    ]
    for variant, stages in part["rows"].items():
        if variant == "input":
            continue
        known, last = part["labels"][variant], stages["stage 2"]["centroid"]
        rows.append(
            (
                variant,
                _number(known["selected"], 0),
                _number(known["precision"]),
                _number(known["blurry"]),
                *(_number(stages[stage]["centroid"]["mean"]) for stage in ("warp_average", "stage 1", "stage 2")),
                _number(last["mean"] - base, sign=True),
                _number(stages["stage 2"]["mid"]["mean"]),
                _number(last["seed_sd"]),
            )
        )
    return _table(head, rows)


def cross_table(part: Report) -> str:
    """Gain over the input by the clip that was fitted to and the one restored."""
    names = [name for name in CLIPS if name in part["clips"]]
    head = ("fitted to", *(f"on {name.removeprefix('v_')}" for name in names), "others' mean")
    rows: list[tuple[str, ...]] = []

    def gains(arm: str) -> list[float]:
        clips = part["clips"]
        return [clips[name][arm]["psnr"] - clips[name]["input"]["psnr"] for name in names]

    for control in ("warp_average", "reblur_blend"):
        found = gains(control)
        rows.append(
            (f"nothing: `{control}`", *(_number(v, sign=True) for v in found), _number(_mean(found), sign=True))
        )
    for recipe in RECIPES:
        for source in names:
            found = gains(f"{recipe} from {source}")
            others = [value for name, value in zip(names, found, strict=True) if name != source]
            cells = [
                f"**{_number(value, sign=True)}**" if name == source else _number(value, sign=True)
                for name, value in zip(names, found, strict=True)
            ]
            rows.append((f"{recipe}: {source.removeprefix('v_')}", *cells, _number(_mean(others), sign=True)))
    return _table(head, rows)


def edge_table(part: Report) -> str:
    """Edge widths, with overshoot and the Laplacian's word beside them."""
    head = ("clip", "what", "PSNR", "edge px", "overshoot", "Laplacian ×")
    rows = []
    for name in (name for name in CLIPS if name in part["clips"]):
        arms = part["clips"][name]
        own = {f"{recipe} from {name}": f"{recipe}, own fit" for recipe in RECIPES}
        named = {arm: arm for arm in ("input", "truth", "warp_average", "reblur_blend")} | own
        for arm, title in named.items():
            rows.append((name.removeprefix("v_"), title, *_edge_cells(arms[arm])))
        for recipe in RECIPES:
            others = [arms[f"{recipe} from {other}"] for other in part["clips"] if other != name]
            keys = set.intersection(*(set(one) for one in others))
            mean = {key: _mean([one[key] for one in others]) for key in keys}
            rows.append((name.removeprefix("v_"), f"{recipe}, others' fits", *_edge_cells(mean)))
    return _table(head, rows)


def _edge_cells(scores: Mapping[str, float]) -> list[str]:
    psnr = scores["psnr"]
    cells = ["–" if psnr >= 80 else _number(psnr), _number(scores.get("edge_px")), _number(scores.get("overshoot"))]
    return [*cells, _number(scores["sharpness_ratio"])]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def sparsity_table(part: Report) -> str:
    """Decibel by share of sharp frames."""
    arms = ("input", "warp_average", "reblur_blend", "stage 1", "stage 2", "stage 2 rc")
    head = (
        "sharp",
        "selected: right / wrong",
        "frames to the nearest",
        *(f"`{arm}`" if "_" in arm else arm for arm in arms),
    )
    rows = []
    for share, found in part.items():
        labels, base = found["labels"], found["rows"]["input"]["centroid"]["mean"]
        wrong = labels["selected"] - labels["selected_sharp"]
        distance = "–" if labels["mean_distance"] < 0 else _number(labels["mean_distance"], 1)
        gains = [found["rows"][arm]["centroid"]["mean"] - base for arm in arms[1:]]
        rows.append(
            (
                f"{100 * float(share):g} %",
                f"{labels['selected_sharp']:.1f} / {wrong:.1f}",
                distance,
                _number(base),
                *(_number(gain, sign=True) for gain in gains),
            )
        )
    return _table(head, rows)


def sparsity_clips_table(part: Report) -> str:
    """The gain of stage 2 over ``warp_average``, and over the input, by clip."""
    clips = list(next(iter(part.values()))["rows"]["input"]["centroid"]["clips"])
    head = (
        "sharp",
        *(
            f"{clip.removeprefix('v_')}: {what}"
            for clip in clips
            for what in ("input", "`warp_average`", "stage 2", "rc")
        ),
    )
    rows = []
    for share, found in part.items():
        cells = []
        for clip in clips:
            values = {arm: found["rows"][arm]["centroid"]["clips"][clip] for arm in found["rows"]}
            cells += [_number(values["input"])]
            cells += [
                _number(values[arm] - values["input"], sign=True) for arm in ("warp_average", "stage 2", "stage 2 rc")
            ]
        rows.append((f"{100 * float(share):g} %", *cells))
    return _table(head, rows)


def ladder_table(part: Sequence[Report]) -> str:
    """Gain over the input by how blurred the labels are."""
    head = (
        "labels: frames by blur",
        "their blur px",
        "scored px",
        "input",
        "`warp_average`",
        "stage 1",
        "stage 2",
        "by clip",
    )
    rows = []
    for rung, row in enumerate(part):
        base = row["input"]
        gains = [row[stage]["mean"] - base["mean"] for stage in ("warp_average", "stage 1", "stage 2")]
        by_clip = [_number(v - base["clips"][clip], sign=True) for clip, v in row["stage 2"]["clips"].items()]
        rows.append(
            (
                f"{6 * rung + 1}-{6 * rung + 6}",
                _number(row["label_px"]["mean"], 1),
                _number(row["scored_px"]["mean"], 1),
                _number(base["mean"]),
                *(_number(gain, sign=True) for gain in gains),
                " ".join(by_clip),
            )
        )
    return _table(head, rows)


TABLES: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "flow": ("alignment", flow_table),
    "instant": ("alignment", instant_table),
    "warp": ("alignment", warp_table),
    "propagation": ("propagation", propagation_table),
    "cross": ("circularity", cross_table),
    "edges": ("circularity", edge_table),
    "sparsity": ("sparsity", sparsity_table),
    "sparsity-clips": ("sparsity", sparsity_clips_table),
    "ladder": ("ladder", ladder_table),
}
