"""Where the frozen networks get their weights that SelfHVD looks through: the flow's and the features'."""

from pathlib import Path

from hvdbench.errors import WeightsError
from hvdbench.methods.selfhvd.settings import RANDOM_WEIGHTS
from hvdbench.weights.finding import find_weights


def weights_path(named: str, default: str, otherwise: str) -> Path | None:
    """Find a frozen network's weight file; None where a dry run asks for random weights.

    Args:
        named: what the recipe says: a file, a name of the registry, ``random``, or nothing.
        default: name in the registry of what nothing stands for.
        otherwise: what to do without the file, for the message.

    Raises:
        WeightsError: there is no such file.
    """
    if named == RANDOM_WEIGHTS:
        return None
    try:
        return find_weights(named or default)
    except WeightsError as error:
        raise WeightsError(f"{error}, {otherwise}") from error
