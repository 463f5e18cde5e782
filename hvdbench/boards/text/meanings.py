"""Explain the columns of a board's table, a sentence or two each."""

from hvdbench.boards.facts import metric_facts

_METRICS = {
    "psnr": "Peak signal-to-noise ratio to the truth, averaged over the frames of a clip and then over clips.",
    "ssim": "Structural similarity to the truth, 1 where both are equal.",
    "psnr_registered": "PSNR after the frame as a whole was shifted onto the truth: a mere shift costs nothing.",
    "psnr_gain": "PSNR less that of the blurry input, frame by frame.",
    "worse_share": "Share of the frames whose PSNR is below that of the blurry input.",
    "unregistered_share": "Share of the frames for which no motion onto the truth was found.",
    "sharpness": "Variance of the Laplacian of the restored frame. Noise raises it, so it is no measure of quality.",
    "sharpness_ratio": "Sharpness of the restored frame over that of the input. It is no measure of quality.",
    "shift_px": "How far the restored frame moved as a whole against the input.",
    "edge_spread": "How many pixels an edge of the truth takes to rise in the restored frame: fewer is sharper.",
    "overshoot": "How far the restored frame rises beyond an edge, as a share of its step: halos of sharpening.",
    "warping_error": "Mean squared difference of a frame to the next one, moved onto it by optical flow.",
    "warping_error_reference": "The same error of the truth itself, which no method need be below.",
    "tof_px": "Mean distance between the optical flows of the restored clip and of the reference.",
    "flicker": "Change of the error in brightness from one frame to the next, in gray levels.",
    "tlpips": "How much more, or less, two frames in a row differ than those of the reference do.",
    "lpips": "Perceptual distance to the truth by features of a network.",
    "dists": "Distance to the truth in structure and texture by features of a network.",
    "musiq": "Quality that a network expects people to see, judged without a truth.",
    "maniqa": "Quality that a network expects people to see, judged without a truth.",
    "niqe": "Distance to the statistics of natural pictures, judged without a truth.",
    "frames_per_s": "Frames restored in a second on the machine that made the row.",
    "params": "Weights of the network, in millions.",
    "macs": "Multiplications and additions for one frame.",
    "peak_bytes": "Largest memory that restoring took.",
    "accuracy": "Share of the frames whose label agrees with the oracle's.",
    "precision": "Share of the frames labelled sharp that the oracle calls sharp.",
    "recall": "Share of the oracle's sharp frames that were labelled sharp.",
    "f1": "Harmonic mean of precision and recall.",
    "balanced_accuracy": "Mean of the shares of sharp and of blurry frames that were labelled right.",
    "majority_rate": "Accuracy of calling every frame by the commoner class: what any labeller has to beat.",
}

_FACTS = {
    "rank": "Place by the mean within one dataset and split. These clips cannot tell a row marked ≈ from the best, so "
    "the order of the two means nothing.",
    "method": "Name on the board. It leads to the recipe, the runs and the paper, where they are known.",
    "gain": "Mean of method less blurry input over the same clips. The bar is its 95 % interval: clips are paired, so "
    "it is far narrower than the intervals of the two means. The thin line is no gain.",
    "behind": "Mean of method less best method over the same clips, with the 95 % interval of that difference.",
    "interval": "95 % interval of the mean over clips, drawn on one scale for the column.",
    "ties": "Methods that share a letter cannot be told apart from the best of that group (paired t-tests, Holm's "
    "correction over all pairs).",
    "family": "What the method learns from: other scenes with their truth, the clip itself, or nothing. A fit to the "
    "clip may start from weights that were trained on other scenes.",
    "dataset": "Dataset that was restored and scored; ranks never mix two.",
    "data": "First digits of the dataset's digest: two versions of one dataset are never mixed.",
    "split": "Part of the dataset.",
    "seed": "Random seed; several seeds of a method are averaged clip by clip.",
    "origin": "Where rows come from: measured on captured clips, or simulated ones.",
    "clips": "Clips that the mean is over.",
    "run": "First digits of the run's digest. It leads to the run's own records, where the page has them.",
}

_WAYS = {"higher": " Higher is better.", "lower": " Lower is better.", None: ""}
_TRUTHS = {
    "mid": " The truth is the sharp view half-way through the exposure.",
    "centroid": " The truth is the view at the mean pose over the exposure.",
}


def meaning(key: str) -> str:
    """Explain a column that is no metric; empty where nothing is known of it."""
    return _FACTS.get(key, "")


def metric_meaning(metric: str, truth: str = "none") -> str:
    """Explain the column of a metric: what it is, which truth it is against, and which values are better."""
    facts = metric_facts(metric)
    what = _METRICS.get(metric, f"{facts.title or metric}." if facts is not None else f"{metric}.")
    return what + _TRUTHS.get(truth, "") + _WAYS[None if facts is None else facts.better]
