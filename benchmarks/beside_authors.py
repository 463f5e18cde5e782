"""Compare methods with SelfHVD's published result: ``python -m benchmarks.beside_authors FILM [--method NAME]...``.

``FILM`` is a comparison video of SelfHVD's project page, the blurry clip on the left and the authors' result on the
right. Both halves are reduced to 768x432 by area averaging, and frames below Otsu's line count. The authors' result is
no truth: a PSNR to it says how near two restorations are, and nothing more.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import hvdbench
from hvdbench.flow import flow_dis, warp
from hvdbench.frames import Frames, to_gray, write_frame
from hvdbench.labels.sharpness import label_paper
from hvdbench.metrics.edge_spread import edge_spread, find_edges

SIZE = (768, 432)
METHODS = ("warp_average", "reblur_blend_dis", "fusion_pretrained")


def halves(film: Path) -> tuple[Frames, Frames]:
    """Return the left and the right half, each uint8 (T, 432, 768, 3)."""
    frames = hvdbench.open_clip(film).frames
    middle = frames.shape[2] // 2
    left, right = (
        np.stack([cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA) for frame in half])
        for half in (frames[:, :, :middle], frames[:, :, middle:])
    )
    return left, right


def psnr(a: Frames, b: Frames) -> float:
    """Return the mean PSNR over frames, dB."""
    square = ((a.astype(np.float64) - b) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(255**2 / square)).mean())


def moved_difference(frames: Frames, guide: Frames) -> float:
    """Return the mean absolute difference of neighbouring frames, one warped along the flow of the guide, levels."""
    grays = [to_gray(frame) for frame in guide]
    found = []
    for k in range(len(frames) - 1):
        flow = flow_dis(grays[k], grays[k + 1], "medium")
        found.append(np.abs(warp(frames[k + 1].astype(np.float32), flow) - frames[k]).mean())
    return float(np.mean(found))


def spread_px(frames: Frames, guide: Frames, counted: NDArray[np.intp]) -> float:
    """Return the median spread of the edges that the guide has, px."""
    return float(np.median([np.nanmedian(edge_spread(frames[k], find_edges(guide[k]))) for k in counted]))


def main() -> None:
    """Print a table, one row for each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--method", action="append")
    parser.add_argument("--pictures", type=Path, help="A folder for the restored frames, to look at.")
    options = parser.parse_args()
    blurry, authors = halves(options.film)
    labels = label_paper(blurry)
    counted = np.flatnonzero(labels.sharpness < labels.threshold)
    least = moved_difference(authors, authors)
    print(f"{len(counted)} of {len(blurry)} frames lie below Otsu's line.\n")
    print("| frames | PSNR to the authors', dB | difference after warping | times the authors' | edge spread, px |")
    print("|---|---|---|---|---|")

    def row(name: str, frames: Frames) -> None:
        moved = moved_difference(frames, authors)
        near = "" if frames is authors else f"{psnr(frames[counted], authors[counted]):.2f}"
        print(f"| {name} | {near} | {moved:.3f} | {moved / least:.2f} | {spread_px(frames, authors, counted):.2f} |")

    row("input", blurry)
    row("authors", authors)
    for method in options.method or METHODS:
        restored = np.asarray(hvdbench.deblur(blurry, method=method))
        row(f"`{method}`", restored)
        if options.pictures:
            for k, frame in enumerate(restored):
                write_frame(options.pictures / method / f"{k:04d}.png", frame)


if __name__ == "__main__":
    main()
