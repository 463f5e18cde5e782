"""Rows that the tests of boards make."""

import pandas as pd

from hvdbench.boards.rows import Stamp, board_rows
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.summary import summarise


def rows(method="m", origin="measured", clips=(31.0, 33.0), seed=0, board="trial", centroid=True, **stamp):
    frames = []
    for index, score in enumerate(clips):
        one = pd.DataFrame({"frame": [0, 1], "selected": [False, True], "sharpness_input": 200.0, "shift_px": 0.0625})
        one = one.assign(sharpness=300.0, psnr_mid=score - 2, ssim_mid=0.91236, psnr_gain_mid=[-1.0, 1.0])
        if centroid:
            one = one.assign(
                psnr_centroid=score, ssim_centroid=0.95, psnr_gain_centroid=1.0, psnr_registered_centroid=score
            )
        frames.append(one.reindex(columns=FRAME_COLUMNS).assign(method=method, split="test", clip=f"clip{index}"))
    values = {"board": board, "dataset": "data", "origin": origin, "seed": seed, "versions": "hvdbench 0.1.0, numpy 2"}
    return board_rows(summarise(pd.concat(frames)), Stamp(**(values | stamp)))
