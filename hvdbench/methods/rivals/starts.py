"""Identify the weights that a fit starts from, by their content."""

from hvdbench.errors import WeightsError
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.manifest import file_sha256


def start_identity(start_from: str) -> dict[str, object]:
    """Return the part of a method's identity that its starting weights decide; nothing where it has none.

    A file of the same name may hold other weights tomorrow, and frames that were made from the old ones must not pass
    for those of the new ones.

    Args:
        start_from: a file, or the name of registered weights or of those inside the package; empty for none.
    """
    if not start_from:
        return {}
    try:
        return {"start": file_sha256(find_weights(start_from))}
    except WeightsError:  # the method cannot restore then, which its check says
        return {"start": "missing"}
