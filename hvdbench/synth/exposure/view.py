"""Place a scene in front of a moving camera, and compute where each point of it is seen at any time."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.sources.scene import Layer, Scene, centred_K
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.warp import Array, inverse, plane_homography, project, shift_homography

_POINTS_AT_ONCE = 1 << 14  # OpenCV's remap takes fewer than 2^15 points in a row
_ROUNDS = 4  # rounds to find the row that meets a point; each shrinks the error by readout times speed over height


@dataclass(frozen=True)
class View:
    """A scene in front of a moving camera.

    Args:
        scene: the scene in front of the camera.
        path: the camera's motion.
        depth_m: the distance of layers that have none of their own, and of relative depth 1.
    """

    scene: Scene
    path: CameraPath
    depth_m: float

    def homographies(self, layers: Sequence[Layer], t_s: Array, *, stabilised: bool = True) -> list[Array]:
        """Map each layer's texture to the frame at times of any shape, its own offset included: (*shape, 3, 3) each."""
        flat = np.ravel(t_s)
        rotation = self.path.rotation_at(flat, stabilised=stabilised)
        lens = self.path.lens_shift_at(flat) if stabilised else np.zeros((len(flat), 2))
        maps = self._map(layers, rotation, self.path.position_at(flat), lens, self.offsets(layers, flat))
        return [H.reshape(*np.shape(t_s), 3, 3) for H in maps]

    def centroid_homographies(self, layers: Sequence[Layer], t_s: Array) -> list[Array]:
        """Map each layer's texture under the mean rotation vector, position, lens shift and offset over times.

        Args:
            layers: the layers of the scene.
            t_s: (N, D): N times to average, for each of D delays.

        Returns:
            The homographies of each layer, (D, 3, 3).
        """
        flat = np.ravel(t_s)

        def mean(values: Array) -> Array:
            return np.asarray(values.reshape(*t_s.shape, -1).mean(axis=0))

        return self._map(
            layers,
            mean(self.path.rotation_at(flat)),
            mean(self.path.position_at(flat)),
            mean(self.path.lens_shift_at(flat)),
            [mean(offset) for offset in self.offsets(layers, flat)],
        )

    def offsets(self, layers: Sequence[Layer], t_s: Array) -> list[Array]:
        """Return each layer's offset within its plane at N times, (N, 2) texture px."""
        still = [np.broadcast_to(np.array(layer.offset_px), (len(t_s), 2)) for layer in layers]
        if not any(layer.is_object for layer in layers):
            return still
        moving = [self.scene.layers(float(time)) for time in t_s]
        return [np.array([now[index].offset_px for now in moving]) for index in range(len(layers))]

    def owners(self, layers: Sequence[Layer], points_px: Array, t_s: Array) -> NDArray[np.int64]:
        """Find the frontmost layer that covers more than half of each point (P, 2), seen at its own time (P,)."""
        owner = np.zeros(len(points_px), np.int64)
        if len(layers) == 1:
            return owner
        times, which = np.unique(t_s, return_inverse=True)
        for index, H in enumerate(self.homographies(layers, times)):
            if index:
                places = project(inverse(H)[which], points_px)
                owner[_coverage(layers[index], places) > 0.5] = index
        return owner

    def places(
        self, layers: Sequence[Layer], owner: NDArray[np.int64], points_px: Array, t_s: Array, stabilised: bool = True
    ) -> Array:
        """Return the texture place (P, 2) of its layer that each point of the frame (P, 2) shows at its time (P,)."""
        times, which = np.unique(t_s, return_inverse=True)
        maps = self.homographies(layers, times, stabilised=stabilised)
        places = np.empty((len(points_px), 2))
        for index in np.unique(owner):
            mine = owner == index
            back = inverse(maps[index])
            places[mine] = project(back[which[mine]] if len(times) > 1 else back[0], points_px[mine])
        return places

    def own_velocity(
        self, layers: Sequence[Layer], owner: NDArray[np.int64], places_px: Array, t_s: float
    ) -> Array | None:
        """Return the own motion of the pictures at texture places (P, 2), texture px per s; None where it is none."""
        flow = self.scene.own_flow(t_s)
        if flow is None:
            return None
        K = centred_K(self.scene.focal_px, *self.scene.size)
        velocity = np.empty_like(places_px)
        for index in np.unique(owner):
            mine = owner == index
            to_frame = K @ np.linalg.inv(layers[index].K)
            size = np.array(flow.shape[1::-1])
            share = project(to_frame, places_px[mine]) / (np.array(self.scene.size) - 1.0)
            column, row = np.clip(np.rint(share * (size - 1)), 0, size - 1).astype(np.int64).T
            velocity[mine] = flow[row, column] * (layers[index].K[0, 0] / self.scene.focal_px)
        return velocity

    def flow(self, t_a_s: float, t_b_s: float, *, readout_s: float = 0.0) -> NDArray[np.float32]:
        """Return the exact flow between two frames: for each pixel of a the displacement to its match in b.

        Each pixel follows the frontmost layer that it shows. The motion in a video's own frames is added as
        :meth:`Scene.own_flow` measures it half-way, which is an estimate. Nothing is masked: a match may be hidden in b
        or lie outside it.

        Args:
            t_a_s: the mid-exposure time of frame a.
            t_b_s: the mid-exposure time of frame b.
            readout_s: the readout time of a rolling shutter: rows of a start at their own times, and are met in b at
                the times of the rows where they arrive.

        Returns:
            The flow flow_ab, (H, W, 2) float32, px.
        """
        width, height = self.scene.size
        layers = self.scene.layers(t_a_s)
        shutter = Shutter(t_b_s, 0.0, height, readout_s)
        rows_met = np.arange(height + 1.0) if readout_s else np.zeros(1)
        arrivals = self.homographies(layers, t_b_s + shutter.delay_s(rows_met))  # (H + 1 or 1, 3, 3) a layer
        rows = max(1, _POINTS_AT_ONCE // width)
        flow = np.empty((height, width, 2), np.float32)
        for top in range(0, height, rows):
            y, x = np.mgrid[top : min(top + rows, height), 0:width]
            points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
            delay = shutter.delay_s(points[:, 1])
            owner = self.owners(layers, points, t_a_s + delay)
            places = self.places(layers, owner, points, t_a_s + delay)
            velocity = self.own_velocity(layers, owner, places, 0.5 * (t_a_s + t_b_s))
            found = points
            for _ in range(_ROUNDS if readout_s else 1):
                row = np.clip(found[:, 1], 0, height)
                passed = t_b_s - t_a_s + shutter.delay_s(row) - delay
                moved = places if velocity is None else places + velocity * passed[:, None]
                found = _seen_in_rows(arrivals, owner, moved, row)
            flow[top : top + rows] = (found - points).reshape(-1, width, 2)
        return flow

    def _map(
        self, layers: Sequence[Layer], rotation: Array, position: Array, lens: Array, offsets: Sequence[Array]
    ) -> list[Array]:
        K = centred_K(self.scene.focal_px, *self.scene.size)
        maps = []
        for layer, offset in zip(layers, offsets, strict=True):
            H = plane_homography(
                rotation, position, lens, K=K, K_texture=layer.K, inverse_depth_1_m=self._inverse_depth(layer)
            )
            maps.append(shift_homography(H, offset))
        return maps

    def _inverse_depth(self, layer: Layer) -> float:
        if layer.relative_inverse_depth is not None:
            return layer.relative_inverse_depth / self.depth_m
        return 1.0 / self.depth_m if layer.inverse_depth_1_m is None else layer.inverse_depth_1_m


def _seen_in_rows(maps: Sequence[Array], owner: NDArray[np.int64], places: Array, row: Array) -> Array:
    """Map places (P, 2) by their layer's only homography, or by one at a fractional row each, linear between rows."""
    before = np.clip(row.astype(np.int64), 0, max(len(maps[0]) - 2, 0))
    share = (row - before)[:, None, None]
    seen = np.empty_like(places)
    for index in np.unique(owner):
        mine = owner == index
        H = maps[index]
        if len(H) == 1:
            seen[mine] = project(H[0], places[mine])
            continue
        first = before[mine]
        seen[mine] = project((1 - share[mine]) * H[first] + share[mine] * H[first + 1], places[mine])
    return seen


def _coverage(layer: Layer, places: Array) -> NDArray[np.float32]:
    """Sample a layer's coverage at texture places (P, 2), 0 outside the texture: (P,)."""
    if layer.texture.shape[2] == 3:
        size = np.array(layer.texture.shape[1::-1]) - 1
        return np.asarray(((places >= 0) & (places <= size)).all(axis=1), np.float32)
    alpha = np.ascontiguousarray(layer.texture[..., 3])
    where = np.clip(places, -2.0, np.array(alpha.shape[::-1]) + 2.0).astype(np.float32)
    parts = [
        cv2.remap(alpha, part[:, :1], part[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[:, 0]
        for part in np.array_split(where, max(1, -(-len(where) // _POINTS_AT_ONCE)))
    ]
    return np.concatenate(parts)
