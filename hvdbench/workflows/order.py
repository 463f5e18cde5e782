"""Measure an order network on the sub-frames of a dataset, enter its shares on a board, and draw its vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.boards.entering import versions_text
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.rows import Stamp, board_rows, merge_rows
from hvdbench.boards.settings import board_path, choose_place
from hvdbench.dataset.facts import ClipReader, read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import InputError
from hvdbench.metrics.order import OrderNetwork, con, hit, open_order
from hvdbench.pages.order_plot import draw_order
from hvdbench.recipe import digest_of
from hvdbench.scoring.summary import summary_table, with_means
from hvdbench.tables.table import table_of
from hvdbench.tables.texts import padded
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.atomic import atomic_path
from hvdbench.workspace.locks import locked
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.progress import Progress, silent

_PERCENT = 100.0
_SMALLEST_PX = 33  # of HyperCUT's network


@dataclass(frozen=True)
class OrderMeasured:
    """What an order network gave for the sequences of a dataset.

    Attributes:
        dataset: the dataset's name.
        origin: its origin.
        dataset_digest: its digest.
        weights: the file of the network's weights.
        values: the hyperplane's values of each clip, (T, P, 2), by the clip's key.
        vectors: the vectors of each clip, (T, P, 2, D), by the clip's key.
    """

    dataset: str
    origin: str
    dataset_digest: str
    weights: Path
    values: dict[str, NDArray[np.float64]]
    vectors: dict[str, NDArray[np.float64]]

    @property
    def splits(self) -> list[str]:
        """The splits of the clips, sorted."""
        return sorted({key.partition("/")[0] for key in self.values})

    def of_split(self, split: str) -> NDArray[np.float64]:
        """Return the values of all sequences of a split, (M, P, 2)."""
        return np.concatenate([values for key, values in self.values.items() if key.startswith(f"{split}/")])


def measure_order(
    dataset: Place,
    weights: str,
    *,
    split: str | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> OrderMeasured:
    """Run an order network over the sub-frames of every clip of a dataset.

    Args:
        dataset: a dataset's folder, or a pack.
        weights: a file, or a name of known weights.
        split: the split to measure; None for all.
        device: where the network runs.
        progress: function called with clips done, their number, and the stage.

    Raises:
        WeightsError: if the weights are missing or another network's.
        InputError: if a clip has no sub-frames, or frames are too small, or there is no such split.
    """
    path = find_weights(weights)
    network, reader = open_order(path, device=device), open_reader(dataset)
    clips = [clip for clip in reader.clips if split is None or clip.key.startswith(f"{split}/")]
    if not clips:
        raise InputError(f"'{reader.name}' has no clip in a split '{split}'")
    values: dict[str, NDArray[np.float64]] = {}
    vectors: dict[str, NDArray[np.float64]] = {}
    for done, clip in enumerate(clips):
        progress(done, len(clips), "measure order")
        if min(clip.height, clip.width) < _SMALLEST_PX or (clip.subframes and clip.subframes % 2 == 0):
            raise InputError(
                f"clip '{clip.key}' has {clip.subframes} sub-frames of {clip.width}x{clip.height} px: an order network "
                f"takes an odd number of frames of {_SMALLEST_PX} px a side or more"
            )
        found = [_measured(network, reader, clip.key, frame) for frame in range(clip.frame_count)]
        vectors[clip.key], values[clip.key] = (np.stack(parts) for parts in zip(*found, strict=True))
    progress(len(clips), len(clips), "measure order")
    return OrderMeasured(reader.name, reader.origin, reader.digest, path, values, vectors)


def _measured(
    network: OrderNetwork, reader: ClipReader, key: str, frame: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    clip = next(clip for clip in reader.clips if clip.key == key)
    return network.measure(read_subframes(reader, clip, [frame])[0])


def shares_of(values: NDArray[np.float64]) -> dict[str, float]:
    """Return hit, con@2 and con@3 in percent by their names on boards; con where sequences have so many pairs.

    Args:
        values: (M, P, 2).
    """
    found = {"hit_percent": _PERCENT * hit(values)}
    return found | {f"con{n}_percent": _PERCENT * con(values, n) for n in (2, 3) if n <= values.shape[1]}


def shares_table(measured: OrderMeasured) -> str:
    """Lay the shares of each split out as a table for a terminal."""
    rows = []
    for split in measured.splits:
        values = measured.of_split(split)
        found = shares_of(values)
        texts = [
            f"{found[name]:.1f}" if name in found else "" for name in ("hit_percent", "con2_percent", "con3_percent")
        ]
        rows.append([split, len(values), *texts])
    heads = [("split", "words"), ("sequences", "count"), ("hit %", "words"), ("con@2 %", "words"), ("con@3 %", "words")]
    return padded(table_of(heads, rows))  # type: ignore[arg-type]


def enter_shares(measured: OrderMeasured, boards: Path, *, board: str, method: str, seed: int | None = None) -> Path:
    """Enter the shares on a board, over those of the same name, seed and dataset, and return the board's path.

    Every sequence counts the same, however long its clip is. ``seed`` is that of the training of the weights; a board
    shows the mean over the seeds of a name.

    Raises:
        InputError: if a name could be a path, or the board cannot be read.
    """
    checked_name(method, "the method")
    place = choose_place(board, boards, board=board)
    rows: list[dict[str, object]] = []
    for key, values in measured.values.items():
        split, _, clip = key.partition("/")
        for metric, value in shares_of(values).items():
            row = {"method": method, "split": split, "clip": clip, "truth": "none", "subset": "all"}
            rows.append(row | {"metric": metric, "value": value, "n": len(values)})
    stamp = Stamp(
        board=place.board,
        dataset=measured.dataset,
        origin=measured.origin,  # type: ignore[arg-type]
        seed=seed,
        source=f"order network of SHA-256 {file_sha256(measured.weights)[:12]}",
        dataset_digest=measured.dataset_digest,
        run_digest=digest_of([file_sha256(measured.weights), measured.dataset_digest]),
        versions=versions_text(),
        protocol=place.protocol.name,
    )
    entered = board_rows(with_means(summary_table(rows), "frames"), stamp)
    path = board_path(boards, place.board)
    with locked(path):
        write_board(path, merge_rows(read_board(str(path)), entered) if path.is_file() else entered)
    return path


def write_picture(measured: OrderMeasured, path: Path) -> None:
    """Draw the t-SNE of the vectors of all sequences to a PNG.

    Raises:
        InputError: if scikit-learn is missing, or there are too few sequences.
    """
    vectors = np.concatenate(list(measured.vectors.values()))  # (M, P, 2, D)
    values = np.concatenate(list(measured.values.values()))
    figure = draw_order(vectors, values, title=f"order network on {measured.dataset}")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})
