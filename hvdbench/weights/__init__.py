"""Weights: which files are known, where they belong, and reading them without running what they contain.

Importing this imports no torch.
"""

from hvdbench.weights.checkpoints import SUFFIXES, Checkpoint, load_checkpoint, read_checkpoint
from hvdbench.weights.fitting import SIGNATURES, guess_network, load_into
from hvdbench.weights.registry import KNOWN, KnownWeights, known_weights, weights_status

__all__ = [
    "KNOWN",
    "SIGNATURES",
    "SUFFIXES",
    "Checkpoint",
    "KnownWeights",
    "guess_network",
    "known_weights",
    "load_checkpoint",
    "load_into",
    "read_checkpoint",
    "weights_status",
]
