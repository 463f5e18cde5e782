"""The ambiguity of the two ends of an exposure, on a toy: figure 2 of HyperCUT, by small networks that are trained.

``python -m benchmarks.hypercut_toy -o toy.png`` lets a disc move over a plain ground, with either end as the first one.
A small network learns to make both ends from the blurry picture: by the squared distance, by the order-invariant loss
(Eq. 3), and by that and the regulariser of a trained order (Eq. 7-8). The picture shows a disc that was never trained
on, and the four pairs that the order-invariant loss cannot tell apart. A table gives the distances to the nearer of the
two true orders, and the side of the plane on which each of the four pairs lies. One core needs about two minutes.
"""

import argparse
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from torch import Tensor, nn

from hvdbench.methods.related.hypercut.losses import order_invariant_loss
from hvdbench.methods.related.hypercut.order import hit_share, regulariser
from hvdbench.networks.hypercut import HyperCUT

mpl.use("agg")
SIDE, RADIUS, STEPS = 40, 4.0, 7
GROUND, DISC = 0.25, 0.95
RATE = 2e-3
LOSSES = ("squared distance", "order-invariant", "order-invariant + HyperCUT")
PAIRS = ("true order", "reversed", "both in the first", "both in the last")


def exposures(count: int, random: np.random.Generator) -> Tensor:
    """Return exposures of a disc that moves by 10 to 16 px in any direction, (N, 7, 3, 40, 40)."""
    frames = np.empty((count, STEPS, SIDE, SIDE), np.float32)
    for one in frames:
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(10, 16)
        half = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
        room = SIDE / 2 - RADIUS - 2 - np.abs(half)
        middle = SIDE / 2 + random.uniform(-1, 1, 2) * room
        for k, frame in enumerate(one):
            frame[:] = disc(middle + (2 * k / (STEPS - 1) - 1) * half)
    return torch.from_numpy(frames)[:, :, None].expand(-1, -1, 3, -1, -1).contiguous()


def disc(centre: np.ndarray) -> np.ndarray:
    """Draw a disc with smooth edges, (40, 40) float32."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(columns - centre[0], rows - centre[1])
    return (GROUND + (DISC - GROUND) * np.clip(RADIUS + 0.5 - away, 0, 1)).astype(np.float32)


class EndsOfExposure(nn.Module):
    """Both ends from a blurry picture, (N, 3, H, W) to (N, 2, 3, H, W), as what each differs from it by."""

    def __init__(self, width: int = 24) -> None:
        """Build the network with random weights."""
        super().__init__()
        layers: list[nn.Module] = []
        for inner, dilation in zip((3, *[width] * 5), (1, 2, 4, 8, 4, 1), strict=True):
            layers += [nn.Conv2d(inner, width, 3, padding=dilation, dilation=dilation), nn.ReLU()]
            nn.init.kaiming_normal_(layers[-2].weight)  # PyTorch's own weights let a disc of 50 px vanish in six layers
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 6, 3, padding=1))

    def forward(self, blurry: Tensor) -> Tensor:
        """Make both ends."""
        return blurry[:, None] + self.layers(blurry - GROUND).unflatten(1, (2, 3))


def train_order(steps: int, batch: int, seed: int) -> HyperCUT:
    """Train a small order on exposures, whose ends and middle it sees."""
    torch.manual_seed(seed)
    order, random = HyperCUT(8, 8, 1, as_meant=True), np.random.default_rng(seed)
    optimiser = torch.optim.Adam(order.parameters(), RATE)
    for step in range(steps):
        frames = exposures(batch, random)[:, [0, STEPS // 2, STEPS - 1]]
        vectors = order(order.normalised(frames))
        loss = order.order_loss(vectors).total
        descend(optimiser, loss, order, step / steps)
        if (step + 1) % 100 == 0:
            share = hit_share(order.hyperplane(vectors.detach()).squeeze(-1))
            print(f"order: step {step + 1}, loss {float(loss.detach()):.3f}, hits {float(share):.2f}", flush=True)
    return order.eval().requires_grad_(requires_grad=False)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor, network: nn.Module, done: float) -> None:
    """Take one step; the rate falls along a cosine, since at a constant one an order that was learned is lost again."""
    for group in optimiser.param_groups:
        group["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * done)) + 1e-5
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def train_ends(kind: str, order: HyperCUT, steps: int, batch: int, alpha: float, seed: int) -> EndsOfExposure:
    """Train a network of both ends by one of the losses, on the same exposures for each of them."""
    torch.manual_seed(seed)
    network, random = EndsOfExposure(), np.random.default_rng(seed + 1)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    for step in range(steps):
        frames = exposures(batch, random)
        blurry, truth = frames.mean(dim=1), frames[:, [0, STEPS - 1]]
        made = network(blurry)
        if kind == "squared distance":
            loss = (made - truth).square().mean()
        else:
            loss = pair_loss(made, truth)
        if kind.endswith("HyperCUT"):
            loss = loss + alpha * regulariser(order.sides(with_middle(made, blurry)))
        descend(optimiser, loss, network, step / steps)
        if (step + 1) % 100 == 0:
            print(f"{kind}: step {step + 1}, loss {float(loss.detach()):.5f}", flush=True)
    return network.eval().requires_grad_(requires_grad=False)


def with_middle(ends: Tensor, middle: Tensor) -> Tensor:
    """Put a picture, which has no partner and so no order, between two ends; (N, 3, 3, H, W)."""
    return torch.stack((ends[:, 0], middle, ends[:, 1]), dim=1)


def pair_loss(made: Tensor, truth: Tensor) -> Tensor:
    """Return the order-invariant loss of two ends."""
    return order_invariant_loss(with_middle(made, made[:, 0]), with_middle(truth, truth[:, 0]), middle=False)


def psnr_of(made: Tensor, truth: Tensor) -> float:
    """Return the mean PSNR of both ends in the better of the two orders, in dB, a mean over exposures."""
    orders = torch.stack([(made.clamp(0, 1) - one).square().mean(dim=(1, 2, 3, 4)) for one in (truth, truth.flip(1))])
    return float((-10 * torch.log10(orders.min(dim=0).values)).mean())


def four_pairs(truth: Tensor) -> list[Tensor]:
    """Return the pairs that the order-invariant loss calls right, of which two show the disc twice and not at all."""
    first, last = truth.unbind(dim=1)
    both, none = torch.maximum(first, last), torch.minimum(first, last)
    return [torch.stack(pair, dim=1) for pair in ((first, last), (last, first), (both, none), (none, both))]


def draw(path: Path, frames: Tensor, made: list[Tensor], pairs: list[Tensor], sides: list[float]) -> None:
    """Draw one exposure: how it becomes blurry, what each network makes of it, and the four pairs."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(5, 8, figsize=(11, 7.4), layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()

    def show(axis, picture: Tensor, title: str = "") -> None:
        axis.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        axis.set_title(title, fontsize=9)

    for k in range(STEPS):
        show(axes[0, k], frames[k], f"$x_{k}$")
    show(axes[0, 7], frames.mean(dim=0), "blurry $y$")
    truth = frames[[0, STEPS - 1]]
    for column, (name, ends) in enumerate(zip(("truth", *LOSSES), (truth, *made), strict=True)):
        for row in (0, 1):
            show(axes[1 + row, 2 * column], ends[row], name if row == 0 else "")
    for column, (name, ends, side) in enumerate(zip(PAIRS, pairs, sides, strict=True)):
        for row in (0, 1):
            show(axes[3 + row, 2 * column], ends[row], f"{name}\nside {side:+.2f}" if row == 0 else "")
    words = "Above: an exposure. Middle: both ends, made by networks. Below: pairs with the same Eq. 3"
    figure.suptitle(words, fontsize=11)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Train, print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("hypercut_toy.png"), help="Write the picture here.")
    parser.add_argument("--steps", type=int, default=500, help="Train each network for this many steps.")
    parser.add_argument("--batch", type=int, default=8, help="Exposures of a step.")
    parser.add_argument("--alpha", type=float, default=0.2, help="Weight of the regulariser.")
    parser.add_argument("--seed", type=int, default=0, help="Random seed.")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    order = train_order(asked.steps, asked.batch, asked.seed)
    networks = [train_ends(kind, order, asked.steps, asked.batch, asked.alpha, asked.seed) for kind in LOSSES]
    frames = exposures(32, np.random.default_rng(asked.seed + 99))  # never trained on
    blurry, truth = frames.mean(dim=1), frames[:, [0, STEPS - 1]]
    made = [network(blurry) for network in networks]
    lines = ["| loss | PSNR, dB, of 32 new exposures | Eq. 3 |", "|---|---|---|"]
    for kind, ends in zip(LOSSES, made, strict=True):
        lines.append(f"| {kind} | {psnr_of(ends, truth):.2f} | {float(pair_loss(ends, truth)):.5f} |")
    lines += ["", "| pair | Eq. 3 | on the negative side, of 32 |", "|---|---|---|"]
    shown: list[float] = []
    sides = order.sides(with_middle(truth, blurry))
    facing = torch.where(sides[:, 0, None, None, None, None] > 0, truth.flip(1), truth)
    for name, pair in zip(PAIRS, four_pairs(facing), strict=True):
        found = order.sides(with_middle(pair, blurry))[:, 0]
        lines.append(f"| {name} | {float(pair_loss(pair, truth)):.5f} | {int((found < 0).sum())} |")
        shown.append(float(found[0]))
    pairs = [pair[0] for pair in four_pairs(facing)]
    lines += ["", f"Pairs on another side than their reverses: {100 * float(hit_share(sides)):.0f} %."]
    print("\n".join(lines))
    draw(asked.output, frames[0], [ends[0] for ends in made], pairs, shown)


if __name__ == "__main__":
    main()
