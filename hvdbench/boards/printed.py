"""List the facts of metrics that papers print and hvdbench does not measure."""

from hvdbench.metrics.metric import Facts

PRINTED: tuple[Facts, ...] = (
    Facts("preference_percent", "preferred", "%", "higher", decimals=1, least=0.0, most=100.0),
    *(Facts(f"ppsnr-{place}", f"pPSNR {place}", "dB", "higher", decimals=2) for place in range(1, 8)),
    Facts("ppsnr_mean", "mean pPSNR", "dB", "higher", decimals=2),
    Facts("pssim_mean", "mean pSSIM", "", "higher", decimals=3),
    Facts("plpips_mean", "mean pLPIPS", "", "lower", decimals=3),
    Facts("hit_percent", "hit", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("con2_percent", "con@2", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("con3_percent", "con@3", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("landmark_error", "landmark error", "", "lower", decimals=2),
    Facts("seconds", "time", "s", "lower", decimals=2),
    Facts("seconds_per_frame", "time a frame", "s", "lower", decimals=3),
)
"""In the order of a board's columns; pPSNR and its like are HyperCUT's."""
