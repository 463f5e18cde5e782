"""Measure a leaderboard's page: ``python -m benchmarks.board_page [--clips 50] [--methods 6] [--json FILE]``.

Makes a board with runs and a dataset of 1280x720 frames, writes its page, and opens it from disk in Debian's chromium,
a fresh one each time. A page counts as open when its load event is over, the first clip's pictures are decoded and two
more frames were drawn. Pictures are parts of scikit-image's photographs with grain, one of its own for each clip and
stream; the clip's other frames are hard links to it, since a page reads one frame of each. Goals: 1.5 s, 25 MB.
"""

import argparse
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from hvdbench.boards.rows import Stamp, board_rows
from hvdbench.frames import Frame, write_frame
from hvdbench.labels.sharpness import select_sharp
from hvdbench.labels.stored import write_labels
from hvdbench.pages.board.page import write_page
from hvdbench.recipe import digest_of
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.summary import summarise
from hvdbench.store import ClipFolder, DatasetWriter

SIZE = (1280, 720)
FRAMES = 100
GOAL_S, GOAL_MB = 1.5, 25.0
STREAMS = ("blur", "sharp", "sharp_centroid")
HARNESS = """<!doctype html><meta charset="utf-8"><iframe style="width:1280px;height:900px"></iframe><script>
const frame = document.querySelector("iframe"), begun = performance.now();
frame.onload = () => {
  const loaded = performance.now() - begun;
  const look = () => {
    const pictures = [...frame.contentDocument.querySelectorAll(".panes img")];
    if (!pictures.length || pictures.some((one) => !one.complete || !one.naturalWidth)) return setTimeout(look, 5);
    requestAnimationFrame(() => requestAnimationFrame(() => fetch("http://127.0.0.1:PORT/", {
      method: "POST", mode: "no-cors", body: JSON.stringify({ loaded, drawn: performance.now() - begun }),
    })));
  };
  look();
};
frame.src = "board.html";
</script>"""


def picture(rng: np.random.Generator) -> Frame:
    """Cut a part from a photograph and add grain: 1280x720."""
    from skimage import data

    photographs = (data.astronaut, data.coffee, data.chelsea, data.rocket, data.cat)
    whole = np.asarray(photographs[rng.integers(len(photographs))]())
    height = int(rng.integers(180, 260))
    width = height * SIZE[0] // SIZE[1]
    width, height = min(width, whole.shape[1]), min(height, whole.shape[0])
    top, left = rng.integers(0, whole.shape[0] - height + 1), rng.integers(0, whole.shape[1] - width + 1)
    part = cv2.resize(whole[top : top + height, left : left + width], SIZE, interpolation=cv2.INTER_CUBIC)
    detail = cv2.GaussianBlur(rng.normal(0, 14, (*part.shape[:2], 1)), (0, 0), 0.8)[..., None]
    return np.clip(part + detail, 0, 255).astype(np.uint8)


def write_stream(folder: Path, frame: Frame) -> None:
    """Write one picture, and its name for every frame of the clip."""
    folder.mkdir(parents=True)
    write_frame(folder / f"{0:08d}.png", frame)
    for index in range(1, FRAMES):
        os.link(folder / f"{0:08d}.png", folder / f"{index:08d}.png")


def make_board(root: Path, clips: int, methods: int, seed: int = 0) -> tuple[pd.DataFrame, Path, Path]:
    """Make a dataset, runs and the board of their scores; PSNRs are drawn, pictures are what they are."""
    rng = np.random.default_rng(seed)
    writer = DatasetWriter(root / "data", name="made", origin="simulated", recipe={}, provenance={})
    names = ["blurry", *(f"method_{number}" for number in range(1, methods))]
    digests: dict[str, dict[str, str]] = {name: {} for name in names}
    scores = []
    for number in range(clips):
        clip = writer.clip_folder("test", f"clip_{number:03d}")
        sharp = picture(rng)
        extent = np.abs(rng.normal(0, 6, FRAMES)).cumsum() % 14
        for stream in STREAMS:
            write_stream(clip.folder / stream, cv2.blur(sharp, (13, 5)) if stream == "blur" else sharp)
        enter_facts(clip, extent)
        base = 40 - extent + rng.normal(0, 0.5, FRAMES) + rng.normal(0, 2)
        labels = select_sharp(-extent)
        write_labels(clip, labels)
        writer.finish(clip, f"digest of {clip.name}")
        for place, name in enumerate(names):
            folder = root / "runs" / name / "made" / "test" / clip.name
            write_stream(folder, cv2.blur(sharp, (13 - 2 * place, 3)) if place < 6 else sharp)
            digests[name][f"test/{clip.name}"] = digest_of([name, clip.name])
            manifest = {"run_digest": digests[name][f"test/{clip.name}"], "method": name}
            (folder / "run.json").write_text(json.dumps(manifest))
            gain = place * 0.3 + rng.normal(0, 0.2, FRAMES)
            table = frame_table(base, gain, labels.is_selected)
            table.to_csv(folder / "frame_scores.csv", index=False)
            scores.append(table.assign(method=name, split="test", clip=clip.name))
    dataset = writer.dataset()
    frames = pd.concat(scores)
    boards = [
        board_rows(
            summarise(frames[frames["method"] == name]),
            Stamp(
                board="made", dataset="made", origin="simulated", seed=0, dataset_digest=dataset.digest,
                run_digest=digest_of(digests[name]), versions="made",
            ),
        )
        for name in names
    ]  # fmt: skip
    return pd.concat(boards, ignore_index=True), root / "runs", root / "data"


def enter_facts(clip: ClipFolder, extent: Any) -> None:
    """Write what the oracle knows."""

    def edit(tracks: Any) -> None:
        tracks["t_s"] = np.arange(FRAMES) / 30
        tracks["oracle/class"] = np.digitize(extent, [2.0, 5.0])
        tracks["oracle/displacement_median_px"] = extent

    clip.edit_tracks(edit)


def frame_table(base: Any, gain: Any, selected: Any) -> pd.DataFrame:
    """Return one clip's frame scores."""
    table = pd.DataFrame({"frame": np.arange(FRAMES), "selected": selected, "shift_px": 0.1})
    table = table.assign(sharpness=300.0, sharpness_input=200.0, sharpness_ratio=1.5)
    for offset, truth in ((0.0, "mid"), (0.7, "centroid")):
        psnr = base + gain + offset
        table[f"psnr_{truth}"], table[f"psnr_gain_{truth}"] = psnr, gain
        table[f"ssim_{truth}"], table[f"psnr_registered_{truth}"] = 0.9 + gain / 100, psnr + 0.1
    return table.reindex(columns=FRAME_COLUMNS)


def opened(page: Path, chromium: str) -> dict[str, float]:
    """Open a page in a fresh browser and give the seconds until it is loaded and drawn."""
    answer: dict[str, float] = {}

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Report nothing."""

    with (
        http.server.HTTPServer(("127.0.0.1", 0), Listener) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,  # the browser may write to its very end
    ):
        harness = page.with_name("harness.html")
        harness.write_text(HARNESS.replace("PORT", str(server.server_port)))
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--no-first-run"]
        command = [chromium, *options, "--remote-debugging-pipe", f"--user-data-dir={profile}", harness.as_uri()]
        read_end, write_end = os.pipe()  # keeps a browser with a debugging pipe from ending at once
        threading.Thread(target=server.handle_request).start()
        browser = subprocess.Popen(
            [sys.executable, "-c", "import os,sys; a,b=map(int,sys.argv[1:3]); os.dup2(a,3); os.dup2(b,4); "
             "os.execv(sys.argv[3],sys.argv[3:])", str(read_end), str(write_end), *command],
            pass_fds=(read_end, write_end), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while not answer and time.monotonic() < end:
                time.sleep(0.02)
        finally:
            browser.terminate()
            browser.wait(20)
            os.close(read_end)
            os.close(write_end)
    return {name: value / 1000 for name, value in answer.items()}


def main() -> None:
    """Print size and times, and whether the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--methods", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a new folder to leave board, frames and page in")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no 'chromium' on PATH (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as temporary:
        root = asked.keep or Path(temporary)
        board, runs, data = make_board(root, asked.clips, asked.methods)
        page = root / "board.html"
        begun = time.perf_counter()
        missing = write_page(page, board, board.iloc[:0], runs=runs, data=[data])
        written_s = time.perf_counter() - begun
        if missing:
            sys.exit(f"the page lacks something: {missing}")
        times = [opened(page, chromium) for _ in range(asked.repeats)]
        size_mb = page.stat().st_size / 1e6
    found = {
        "clips": asked.clips,
        "methods": asked.methods,
        "size_mb": round(size_mb, 2),
        "written_s": round(written_s, 1),
        "loaded_s": [round(one["loaded"], 2) for one in times],
        "drawn_s": [round(one["drawn"], 2) for one in times],
    }
    middle = statistics.median(found["drawn_s"])
    print(f"{asked.clips} clips, {asked.methods} methods: {size_mb:.1f} MB, written in {written_s:.0f} s")
    print(f"open from disk: median {middle:.2f} s of {found['drawn_s']} (load event {found['loaded_s']})")
    print(
        f"below {GOAL_S:g} s: {'yes' if middle < GOAL_S else 'no'}; "
        f"below {GOAL_MB:g} MB: {'yes' if size_mb < GOAL_MB else 'no'}"
    )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
