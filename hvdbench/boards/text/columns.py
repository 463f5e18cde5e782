"""How each metric is shown: its title, unit, decimals and factor."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """How a metric is shown.

    Attributes:
        label: its name in a title.
        unit: in brackets behind it.
        decimals: in print.
        factor: of the stored value, 100 for a share shown in percent.
    """

    label: str
    unit: str = ""
    decimals: int = 2
    factor: float = 1.0

    def title(self, truth: str) -> str:
        """Name the column: metric, truth, unit."""
        words = [self.label, *([] if truth == "none" else [truth]), *([f"({self.unit})"] if self.unit else [])]
        return " ".join(words)

    def number(self, value: float) -> str:
        """Round a stored value for a sentence, with its unit's factor."""
        return f"{self.factor * value:.{self.decimals}f}"


METRICS = {
    "psnr": Column("PSNR", "dB"),
    "psnr_half": Column("± PSNR", "dB"),
    "ssim": Column("SSIM", decimals=4),
    "psnr_registered": Column("PSNR registered", "dB"),
    "psnr_gain": Column("gain", "dB"),
    "worse_share": Column("worse frames", "%", 1, 100.0),
    "sharpness": Column("sharpness", decimals=1),
    "sharpness_ratio": Column("sharpness ratio"),
    "shift_px": Column("shift", "px", 3),
    "edge_spread": Column("edge spread", "px"),
    "overshoot": Column("overshoot", "%", 1, 100.0),
    "accuracy": Column("accuracy", "%", 2, 100.0),
    "selection_precision": Column("precision of the selection", "%", 2, 100.0),
    "majority_rate": Column("commoner class", "%", 2, 100.0),
    "balanced_accuracy": Column("balanced accuracy", "%", 2, 100.0),
    "precision": Column("precision", "%", 2, 100.0),
    "recall": Column("recall", "%", 2, 100.0),
    "f1": Column("F1", "%", 2, 100.0),
    "average_precision": Column("average precision", "%", 2, 100.0),
    "musiq": Column("MUSIQ", decimals=4),
    "maniqa": Column("MANIQA", decimals=4),
    "lpips": Column("LPIPS", decimals=4),
    "dists": Column("DISTS", decimals=4),
    "niqe": Column("NIQE", decimals=4),
    "warping_error": Column("warping error", decimals=4),
    "warping_error_reference": Column("warping error of the reference", decimals=4),
    "tof_px": Column("tOF", "px", 3),
    "flicker": Column("flicker", decimals=3),
    "tlpips": Column("tLPIPS", decimals=4),
    "frames_per_s": Column("speed", "fps"),
    "params": Column("parameters", "M", 2, 1e-6),
    "macs": Column("MACs a frame", "G", 2, 1e-9),
    "peak_bytes": Column("peak memory", "MiB", 0, 1 / 2**20),
    "preference_percent": Column("preferred", "%", 1),
    **{f"ppsnr-{place}": Column(f"pPSNR {place}", "dB") for place in range(1, 8)},
    "ppsnr_mean": Column("mean pPSNR", "dB"),
    "pssim_mean": Column("mean pSSIM", decimals=3),
    "plpips_mean": Column("mean pLPIPS", decimals=3),
    "hit_percent": Column("hit", "%", 1),
    "con2_percent": Column("con@2", "%", 1),
    "con3_percent": Column("con@3", "%", 1),
    "landmark_error": Column("landmark error"),
}


def column(metric: str) -> Column:
    """Give a metric's column; one that is not listed is called by its name."""
    return METRICS.get(metric) or Column(metric, decimals=4)


def shown_metrics(found: Iterable[str]) -> list[str]:
    """Order metrics for a table: those that are listed in their order, then others by name."""
    present = set(found)
    return [*(metric for metric in METRICS if metric in present), *sorted(present - set(METRICS))]
