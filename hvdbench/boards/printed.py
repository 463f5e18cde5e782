"""List the facts of metrics that papers print and that are no metrics of a run's frames here."""

from hvdbench.metrics.metric import Facts

PRINTED: tuple[Facts, ...] = (
    Facts("preference_percent", "preferred", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("hit_percent", "hit", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("con2_percent", "con@2", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("con3_percent", "con@3", "%", "higher", decimals=1, least=0.0, most=100.0),
    Facts("seconds", "time", "s", "lower", decimals=2),
    Facts("seconds_per_frame", "time a frame", "s", "lower", decimals=3),
)
"""In the order of a board's columns; hit and con are those of an order network over sequences, HyperCUT's."""
