"""Find the weights of the frozen networks of SelfHVD: the flow's and the features'."""

from pathlib import Path

from hvdbench.errors import WeightsError
from hvdbench.methods.selfhvd.settings import RANDOM_WEIGHTS
from hvdbench.weights.finding import find_weights


def weights_path(named: str, default: str, otherwise: str) -> Path | None:
    """Find a frozen network's weight file; return None where a dry run asks for random weights.

    Args:
        named: value in the recipe: a file, a registered name, ``random``, or an empty text.
        default: registered name that an empty text stands for.
        otherwise: advice for the message if the file is missing.

    Raises:
        WeightsError: if there is no such file.
    """
    if named == RANDOM_WEIGHTS:
        return None
    try:
        return find_weights(named or default)
    except WeightsError as error:
        raise WeightsError(f"{error}, {otherwise}") from error
