"""Camera paths in every format, the files beside them, logs of gyroscope and lens, and MonST3R's maps."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from fuzz.structure import changed_array, changed_png
from fuzz.target import Corpus, Target, words
from hvdbench.camera.breaks import split_at_gaps
from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.trajectory_format import guess_formats, open_format
from hvdbench.camera.quality import assess
from hvdbench.camera.stabiliser.log import read_log
from hvdbench.sources.frame_sequence import read_depth

_COUNT, _HZ = 21, 20
_MATRIX = "1 0 0 0 0 1 0 0 0 0 1 0"
_SHAKIFY = "frame,t_s,loc_x_m,loc_y_m,loc_z_m,rot_x_rad,rot_y_rad,rot_z_rad\n"
_GCSV = "GYROFLOW IMU LOG\nversion,1.3\nid,x\norientation,XYZ\ntscale,0.001\ngscale,1.0\nt,gx,gy,gz\n"
_TOKENS = words(
    "t gx gy gz t_ms gx_deg_s lx ly #timestamp PINHOLE OPENCV T_BS: data: tscale orientation xYz GYROFLOW frame"
)


def _rows(row: Callable[[int], str], head: str = "", count: int = _COUNT) -> str:
    return head + "".join(row(number) + "\n" for number in range(count))


_WITHOUT_TIMES = ("monst3r", "colmap")
# Format, the file that is damaged first, and all files of the path; each is damaged in turn.
_MADE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "monst3r": (
        "pred_traj.txt",
        {
            "pred_traj.txt": _rows(lambda i: f"{i} {i / 100} 0 0 1 0 0 0"),
            "pred_intrinsics.txt": _rows(lambda i: "400 0 256 0 400 144 0 0 1"),
        },
    ),
    "tum": ("walk.txt", {"walk.txt": _rows(lambda i: f"{i / _HZ + 0.01} {i / 100} 0 0 0 0 0 1", "# t tx ty tz q\n")}),
    "kitti": ("00.txt", {"00.txt": _rows(lambda i: _MATRIX), "times.txt": _rows(lambda i: f"{i / _HZ}")}),
    "euroc": (
        "data.csv",
        {
            "data.csv": _rows(lambda i: f"{1403715524907143168 + i * 50_000_000},0,0,0,1,0,0,0"),
            "sensor.yaml": "T_BS:\n  cols: 4\n  data: [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]\n",
        },
    ),
    "colmap": (
        "images.txt",
        {
            "images.txt": _rows(lambda i: f"{i + 1} 1 0 0 0 {i / 9} 0 0 1 frame_{i:04d}.png\n1.5 2.5 -1", "# QW\n"),
            "cameras.txt": "1 SIMPLE_PINHOLE 640 480 500 320 240\n",
        },
    ),
    "re10k": ("clip.txt", {"clip.txt": _rows(lambda i: f"{50_000 * i} 0.9 1.6 0.5 0.5 0 0 {_MATRIX}", "https://x.org/v\n")}),
    "arkit": ("ARKit_camera_pose.txt", {"ARKit_camera_pose.txt": _rows(lambda i: f"{50_000_000 * i} {_MATRIX}")}),
    "shakify": ("shake.csv", {"shake.csv": _rows(lambda i: f"{i},{i / _HZ},0,{i / 99},0,0,0.01,0", _SHAKIFY)}),
    "gyro": ("log.csv", {"log.csv": _rows(lambda i: f"{i / _HZ},0,0.01,0", "t,gx,gy,gz\n")}),
}  # fmt: skip
_GYRO = (
    (_rows(lambda i: f"{i * 50},{i % 3},0,0", _GCSV)),
    _rows(lambda i: f"{i * 50000000} 0.1 0 0", "t_ns gx_deg_s gy_deg_s gz_deg_s\n"),
)


def _format(name: str, damaged: str, folder: Path) -> Corpus:
    main, files = _MADE[name]
    for file, text in files.items():
        (folder / file).write_text(text)

    def read(_: Path) -> object:
        path = open_format(name).read(folder / main, fps=_HZ if name in _WITHOUT_TIMES else None)
        return split_at_gaps(path), assess(path).lines(), guess_formats(read_lines(folder / main))

    seeds = [files[damaged].encode(), *(text.encode() for text in _GYRO if name == "gyro")]
    return Corpus(damaged, seeds, read, _TOKENS)


def _lens(folder: Path) -> Corpus:
    t_s = np.arange(60) / 100
    rate = 0.5 * np.sin(12 * t_s)
    angle = -0.5 / 12 * (1 - np.cos(12 * t_s))
    seeds = []
    for sign in (1, -1):
        rows = "".join(
            f"{t:.3f},{r:.5f},{r:.5f},{sign * a:.6f},{sign * a:.6f}\n" for t, r, a in zip(t_s, rate, angle, strict=True)
        )
        seeds.append(("t,gx,gy,lx,ly\n" + rows).encode())
    return Corpus("log.csv", [seed for seed in seeds if _is_read(folder / "log.csv", seed)], _read_lens, _TOKENS)


def _read_lens(path: Path) -> object:
    read_log.cache_clear()
    return read_log(path)


def _is_read(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        _read_lens(path)
    except ValueError:
        return False
    return True


def _array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _depth(_: Path) -> Corpus:
    seeds = [_array(np.full((4, 6), 2.0, kind)) for kind in (np.float32, np.float64, np.uint16)]
    return Corpus(
        "0.npy",
        [*seeds, _array(np.asfortranarray(np.ones((4, 6))))],
        read_depth,
        words("descr fortran_order shape <f4 |O True"),
        change=changed_array,
    )


def _maps(damaged: str, folder: Path) -> Corpus:
    from hvdbench.camera.formats.monst3r_maps import read_scene_depth
    from hvdbench.frames import write_frame

    for number in range(2):
        (folder / f"frame_{number:04d}.npy").write_bytes(_array(np.full((4, 6), 2.0, np.float32)))
        (folder / f"conf_{number}.npy").write_bytes(_array(np.full((4, 6), 2.0, np.float32)))
        write_frame(folder / f"dynamic_mask_{number}.png", np.zeros((4, 6, 3), np.uint8))
    return Corpus(
        damaged,
        [(folder / damaged).read_bytes()],
        lambda path: read_scene_depth(folder, 2),
        words("descr <f8 |O shape"),
        change=changed_png if damaged.endswith(".png") else changed_array,
    )


TARGETS = (
    *(
        Target(f"paths.{name}.{Path(file).suffix[1:]}" if file == _MADE[name][0] else f"paths.{name}.{file}",
               partial(_format, name, file), ("hvdbench.camera.formats",))
        for name in _MADE for file in _MADE[name][1]
    ),
    Target("paths.lens", _lens, ("hvdbench.camera.stabiliser.log", "hvdbench.camera.formats.sensor_log")),
    Target("arrays.depth", _depth, ("hvdbench.sources.frame_sequence",)),
    *(Target(f"arrays.{file}", partial(_maps, file), ("hvdbench.camera.formats.monst3r_maps",))
      for file in ("frame_0000.npy", "conf_1.npy", "dynamic_mask_0.png")),
)  # fmt: skip
