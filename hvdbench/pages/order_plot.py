"""Draw how an order network parts sequences from their reverse: HyperCUT's Figure 7, a t-SNE of its vectors."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST = 4  # sequences; t-SNE's perplexity must be below the number of points
_PERPLEXITY = 30.0
_COLOURS = {"forward": "tab:blue", "reversed": "tab:orange"}


def embed(vectors: NDArray[np.float64], *, seed: int = 0) -> NDArray[np.float64]:
    """Return the t-SNE of vectors in the plane (van der Maaten & Hinton, JMLR 2008; scikit-learn's).

    Args:
        vectors: (M, D).
        seed: random seed of its start.

    Returns:
        The places, (M, 2).

    Raises:
        InputError: if scikit-learn is missing, or there are fewer than 4 vectors.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise InputError("a t-SNE needs scikit-learn: run pip install hvdbench[tsne]") from error
    if len(vectors) < _FEWEST:
        raise InputError(f"a t-SNE of {len(vectors)} vectors says nothing: {_FEWEST} or more are needed")
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3.0)
    return np.asarray(TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(vectors), np.float64)


def draw_order(
    vectors: NDArray[np.float64], values: NDArray[np.float64], *, title: str = "", seed: int = 0
) -> "Figure":
    """Draw the t-SNE of an order network's vectors twice: by direction, and by the side of the hyperplane.

    A sequence is one point forward and one reversed: the mean over its symmetric pairs.

    Args:
        vectors: (M, P, 2, D) of M sequences: P pairs, forward and reversed.
        values: the hyperplane's values, (M, P, 2).
        title: above the picture.
        seed: random seed of the t-SNE.

    Raises:
        InputError: if shapes do not fit, scikit-learn is missing, or there are fewer than 2 sequences.
    """
    from matplotlib.figure import Figure

    if vectors.ndim != 4 or vectors.shape[:3] != values.shape or vectors.shape[2] != 2:
        raise InputError(f"vectors are (M, P, 2, D) and values (M, P, 2), found {vectors.shape} and {values.shape}")
    points = embed(np.concatenate([vectors[:, :, 0].mean(axis=1), vectors[:, :, 1].mean(axis=1)]), seed=seed)
    side = np.sign(np.concatenate([values[:, :, 0].mean(axis=1), values[:, :, 1].mean(axis=1)]))
    directions = np.repeat(np.array(list(_COLOURS)), len(vectors))
    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    by_direction, by_side = figure.subplots(1, 2, sharex=True, sharey=True)
    for direction, colour in _COLOURS.items():
        mine = points[directions == direction]
        by_direction.scatter(mine[:, 0], mine[:, 1], s=14, color=colour, alpha=0.8, label=direction)
    for sign, colour in ((1.0, "tab:green"), (-1.0, "tab:red")):
        mine = points[side == sign]
        by_side.scatter(mine[:, 0], mine[:, 1], s=14, color=colour, alpha=0.8, label=f"{sign:+.0f}")
    by_direction.set(title="direction of the sequence", xticks=[], yticks=[])
    by_side.set(title="side of the hyperplane", xticks=[], yticks=[])
    for axes in (by_direction, by_side):
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    return figure
