"""Make one order from several boards by Borda's points."""

from collections.abc import Iterable, Iterator

import pandas as pd

from hvdbench.boards.ranking.coverage import BLOCK
from hvdbench.errors import InputError


def borda(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rank methods over several boards by Borda's points.

    On each dataset and split a method gets the share of the other methods that it is above, 1 for the first, 0 for
    the last; equal ranks share. Several seeds count by their mean.

    Args:
        tables: what :func:`ranked` gives, one for each board.

    Returns:
        ``rank``, ``method``, ``points`` (0 to 1, the mean over the columns that follow), ``boards``, ``of_boards``,
        then a column for each dataset and split. A method that is not on all of them has neither rank nor points.

    Raises:
        InputError: if nothing is ranked.
    """
    columns = {}
    for number, table in enumerate(tables):
        for (dataset, digest, split), block in table[table["rank"].notna()].groupby(list(BLOCK), sort=True):
            name = f"{dataset}/{split}"
            columns[name if name not in columns else f"{name} {digest or number}"] = pd.Series(dict(_points(block)))
    if not columns:
        raise InputError("no board given has a method that is ranked")
    points = pd.DataFrame(columns, dtype="float64").rename_axis("method").reset_index()
    given = points[list(columns)]
    complete = given.notna().all(axis=1)
    points = points.assign(
        points=given.mean(axis=1).where(complete), boards=given.notna().sum(axis=1), of_boards=len(columns)
    )
    points["rank"] = points["points"].rank(ascending=False, method="min").astype("Int64")
    points = points.sort_values(["points", "boards", "method"], ascending=[False, False, True], kind="stable")
    return points[["rank", "method", "points", "boards", "of_boards", *columns]].reset_index(drop=True)


def _points(block: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield the points of each method of a block."""
    place = block["rank"].astype("float64").rank(method="average")
    share = (len(block) - place) / max(1, len(block) - 1) if len(block) > 1 else place * 0 + 1.0
    for method, points in share.groupby(block["method"]).mean().items():
        yield str(method), float(points)
