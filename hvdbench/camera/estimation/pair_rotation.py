"""Measure how a camera turned between two frames, from points followed from one to the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.estimation.tracks import Points, field_of

Array = NDArray[np.float64]

HYPOTHESES = 120
FEWEST_POINTS = 12
FIELDS = 8  # a side, in which neighbours' residuals are compared

_INLIER_SHARE = 0.003  # of the longer side: 1.9 px at 640
_TUKEY = 4.685  # spreads beyond which a point counts for nothing (95 % efficiency for normal errors)
_RAYLEIGH_MEDIAN = 1.1774  # of a length whose two parts have a spread of 1
_LEAST_SPREAD_PX = 0.05
_SCORED = 200  # points, evenly taken, that hypotheses are scored by
_ROUNDS = 12
_FEWEST_IN_FIELD = 3


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion: focal length and size of the frame, px; the principal point is the middle."""

    focal_px: float
    size: tuple[int, int]

    @property
    def centre_px(self) -> Array:
        return 0.5 * (np.array(self.size, np.float64) - 1.0)

    @property
    def longer_px(self) -> int:
        return max(self.size)

    def rays(self, points: Points) -> Array:
        """Compute unit rays (N, 3) through points (N, 2)."""
        rays = np.column_stack([(points - self.centre_px) / self.focal_px, np.ones(len(points))])
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))

    def project(self, rays: Array) -> Points:
        """Compute the points (..., 2) at which rays (..., 3) meet the picture; those from behind go far outside."""
        depth = np.maximum(rays[..., 2:], 1e-6)
        return np.asarray(rays[..., :2] / depth * self.focal_px + self.centre_px)


@dataclass(frozen=True)
class PairFit:
    """The turn between frames a and b, and how well it explains the points.

    Args:
        rotation_ab: takes directions in b's axes to a's: ``R_wa^-1 R_wb``.
        points: how many were followed.
        inliers: how many of them lie within 0.003 of the longer side of where the turn puts them.
        share: of the picture that they represent: each field of an 8x8 grid counts once, however many points it has.
        rms_px: of the inliers' residuals.
        motion_px: median length of the points' way.
        coherent_px: what neighbours' residuals share: median over the fields of an 8x8 grid of the length of the
            field's median residual, all points counted. Errors of tracking average out in it; parallax, distortion
            and a wrong focal length do not, and a moving object fills only its own fields.
        flat_px: the same where a shift, a turn in the picture's plane and a growth are fitted to the inliers instead:
            less than ``coherent_px`` where the camera moved sideways rather than turned (or its focal length is longer
            than was said).
        expansion: growth of the picture from a to b about its middle, in addition to the turn: 0.01 is 1 %, as of a
            camera that went forward by a hundredth of the distance, or zoomed.
        fields: share of the grid's fields with a point in them.
        information: (3, 3) of the rotation vector, 1/rad²: the inverse of its covariance.
    """

    rotation_ab: Rotation
    points: int
    inliers: int
    share: float
    rms_px: float
    motion_px: float
    coherent_px: float
    flat_px: float
    expansion: float
    fields: float
    information: Array


def fit_rotation(points_a: Points, points_b: Points, camera: Pinhole, generator: np.random.Generator) -> PairFit | None:
    """Fit a turn of the camera to points of frames a and b.

    Hypotheses from pairs of points (two rays and their cross product, aligned exactly) are scored by the share of the
    picture that their inliers represent; the best is refined by Gauss-Newton on the reprojection error in b, each point
    weighted by Tukey's biweight at 4.685 robust spreads, so that moving objects and points at other depths lose their
    influence. An even growth of the picture is fitted beside the turn, on which it has no influence by symmetry: a
    camera that moves forward would otherwise have few inliers.

    Args:
        points_a: (N, 2) px in frame a.
        points_b: (N, 2) px in frame b.
        camera: of both frames.
        generator: draws the pairs.

    Returns:
        None for under 12 points.
    """
    if len(points_a) < FEWEST_POINTS:
        return None
    rays_a, rays_b = camera.rays(points_a), camera.rays(points_b)
    bound_px = _INLIER_SHARE * camera.longer_px
    parts = _parts(field_of(points_a, camera.size, FIELDS))
    R_ba = _best_hypothesis(rays_a, rays_b, points_b, parts, camera, bound_px, generator)
    expansion = 0.0
    for _ in range(_ROUNDS):
        moved = rays_a @ R_ba.T
        residual = _residual(moved, points_b, expansion, camera)
        weights = _tukey(np.linalg.norm(residual, axis=1), bound_px)
        if np.count_nonzero(weights) < 4:
            weights = np.ones(len(points_a))
        step, _ = _gauss_newton(moved, residual, weights, camera)
        R_ba = Rotation.from_rotvec(step[:3]).as_matrix() @ R_ba
        expansion += float(step[3])
        if np.linalg.norm(step) * camera.focal_px < 1e-4:
            break
    return _judge(R_ba, expansion, points_a, points_b, camera, bound_px)


def _judge(
    R_ba: Array, expansion: float, points_a: Points, points_b: Points, camera: Pinhole, bound_px: float
) -> PairFit:
    moved = camera.rays(points_a) @ R_ba.T
    residual = _residual(moved, points_b, expansion, camera)
    length = np.linalg.norm(residual, axis=1)
    inside = length < bound_px
    rms_px = float(np.sqrt(np.mean(length[inside] ** 2))) if inside.any() else float("inf")
    field = field_of(points_a, camera.size, FIELDS)
    weights = _tukey(length, bound_px)
    _, normal = _gauss_newton(moved, residual, weights, camera)
    variance = max(0.5 * rms_px**2, _LEAST_SPREAD_PX**2) if inside.any() else camera.longer_px**2
    return PairFit(
        rotation_ab=Rotation.from_matrix(R_ba.T),
        points=len(points_a),
        inliers=int(np.count_nonzero(inside)),
        share=float(_parts(field)[inside].sum()),
        rms_px=rms_px,
        motion_px=float(np.median(np.linalg.norm(points_b - points_a, axis=1))),
        coherent_px=_shared(residual, field),
        flat_px=_shared(_flat_residual(points_a, points_b, weights, camera), field),
        expansion=expansion,
        fields=len(np.unique(field)) / FIELDS**2,
        information=normal[:3, :3] / variance,
    )


def _shared(residual: Array, field: NDArray[np.int64]) -> float:
    """Compute the median, over fields of three points or more, of the length of a field's median residual."""
    lengths = [
        float(np.linalg.norm(np.median(residual[field == number], axis=0)))
        for number, count in zip(*np.unique(field, return_counts=True), strict=True)
        if count >= _FEWEST_IN_FIELD
    ]
    return float(np.median(lengths)) if lengths else float("inf")


def _flat_residual(points_a: Points, points_b: Points, weights: Array, camera: Pinhole) -> Array:
    """Compute what a shift, a turn in the plane and a growth leave of the points' way (weighted least squares)."""
    x, y = (points_a - camera.centre_px).T
    one, none = np.ones_like(x), np.zeros_like(x)
    A = np.concatenate([np.stack([one, none, x, -y], axis=1), np.stack([none, one, y, x], axis=1)])
    way = (points_b - points_a).T.ravel()
    root = np.sqrt(np.concatenate([weights, weights]))
    values = np.linalg.lstsq(A * root[:, None], way * root, rcond=None)[0]
    return np.asarray((way - A @ values).reshape(2, -1).T)


def _residual(moved: Array, points_b: Points, expansion: float, camera: Pinhole) -> Array:
    """Compute how far (N, 2) points of b lie from where turned rays and the expansion put them."""
    offset = camera.project(moved) - camera.centre_px
    return np.asarray(points_b - camera.centre_px - (1.0 + expansion) * offset)


def _parts(field: NDArray[np.int64]) -> Array:
    """Compute the share (N,) of the picture that each point represents, by the number of its field (N,)."""
    _, inverse, count = np.unique(field, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (count[inverse] * len(count)))


def _best_hypothesis(
    rays_a: Array,
    rays_b: Array,
    points_b: Points,
    parts: Array,
    camera: Pinhole,
    bound_px: float,
    generator: np.random.Generator,
) -> Array:
    """Choose the R_ba (3, 3) among 120 from two points each, and that of all points, whose inliers stand for most."""
    first = generator.integers(0, len(rays_a), HYPOTHESES)
    second = (first + generator.integers(1, len(rays_a), HYPOTHESES)) % len(rays_a)
    frames_a, frames_b = _triads(rays_a[first], rays_a[second]), _triads(rays_b[first], rays_b[second])
    candidates = np.concatenate([frames_b @ frames_a.transpose(0, 2, 1), _align(rays_a, rays_b)[None]])
    some = np.arange(0, len(rays_a), max(1, len(rays_a) // _SCORED))
    places = camera.project(rays_a[some] @ candidates.transpose(0, 2, 1))
    inside = ((places - points_b[some]) ** 2).sum(axis=2) < bound_px**2
    return np.asarray(candidates[int(np.argmax(inside @ parts[some]))])


def _triads(first: Array, second: Array) -> Array:
    """Build axes (H, 3, 3), as columns, along the mean of two rays, across their plane, and the third."""
    middle = first + second
    normal = np.cross(first, second)
    normal = np.where(np.linalg.norm(normal, axis=1, keepdims=True) > 1e-9, normal, np.cross(first, [0.0, 1.0, 0.0]))
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return np.stack([middle, normal, np.cross(middle, normal)], axis=2)


def _align(rays_a: Array, rays_b: Array) -> Array:
    """Align all rays by least squares: R_ba of least |rays_b - R_ba rays_a| (Kabsch)."""
    U, _, Vt = np.linalg.svd(rays_b.T @ rays_a)
    return np.asarray(U @ np.diag([1.0, 1.0, np.linalg.det(U) * np.linalg.det(Vt)]) @ Vt)


def _tukey(length: Array, bound_px: float) -> Array:
    """Weight points by the length (N,) of their residuals; the spread is taken over those near enough."""
    near = length[length < 3.0 * bound_px]
    spread = float(np.median(near)) / _RAYLEIGH_MEDIAN if near.size else bound_px
    ratio = length / (_TUKEY * max(spread, _LEAST_SPREAD_PX))
    return np.asarray(np.where(ratio < 1.0, (1.0 - ratio**2) ** 2, 0.0))


def _gauss_newton(moved: Array, residual: Array, weights: Array, camera: Pinhole) -> tuple[Array, Array]:
    """Find the rotation vector and expansion (4,) that lessen the residuals in b, and the normal matrix (4, 4).

    A turn by w moves a ray X to X + w x X, and its picture by the derivative of f (X/Z, Y/Z).
    """
    x, y = (moved[:, :2] / np.maximum(moved[:, 2:], 1e-6)).T
    across = np.stack([-x * y, 1.0 + x**2, -y, x], axis=1)
    down = np.stack([-(1.0 + y**2), x * y, x, y], axis=1)
    J = camera.focal_px * np.concatenate([across, down])  # (2N, 4)
    W = np.concatenate([weights, weights])[:, None]
    normal = J.T @ (W * J)
    right = J.T @ (W[:, 0] * np.concatenate([residual[:, 0], residual[:, 1]]))
    return np.linalg.solve(normal + (1e-9 * np.trace(normal) + 1e-12) * np.eye(4), right), normal
