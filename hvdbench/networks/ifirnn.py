"""IFIRNN: a recurrent network with iterations inside each frame (Nah et al., CVPR 2019), the variant C2H3.

The names of parameters are those of the implementation in ESTRNN's repository, without ``module.model.``. The network
of the same name in SimDeblur is a different one, whose weights do not fit.
"""

import torch
from torch import Tensor, nn

from hvdbench.networks.layers.identity import FrameAdding
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec, NetworkState

_SCALE = 4  # features have a quarter of the picture's size
_FRAME_CHANNELS = 60
_STATE_CHANNELS = 20
_CHANNELS = _FRAME_CHANNELS + _STATE_CHANNELS
_BLOCKS = 6


class _ResidualBlock(nn.Module):
    """``x + conv(ReLU(conv(x)))`` under the name ``main_branch``; the shape stays the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main_branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main_branch(x)


class _Cell(nn.Module):
    """A recurrent cell that turns a frame's features and a state into a hidden feature and the next state."""

    def __init__(self, *, reconstructs: bool) -> None:
        """Build the cell; only one that ``reconstructs`` has the layers from the hidden feature to a picture."""
        super().__init__()
        self.F_B = nn.Sequential(
            nn.Conv2d(3, 20, 5, padding=2),
            nn.Conv2d(20, 40, 5, stride=2, padding=2),
            nn.Conv2d(40, _FRAME_CHANNELS, 5, stride=2, padding=2),
        )
        self.F_R = nn.Sequential(*(_ResidualBlock(_CHANNELS) for _ in range(_BLOCKS)))
        if reconstructs:
            self.F_L = nn.Sequential(
                nn.ConvTranspose2d(_CHANNELS, 40, 3, stride=2, padding=1, output_padding=1),
                nn.ConvTranspose2d(40, 20, 3, stride=2, padding=1, output_padding=1),
                nn.Conv2d(20, 3, 5, padding=2),
            )
        self.F_h = nn.Sequential(
            nn.Conv2d(_CHANNELS, _STATE_CHANNELS, 3, padding=1),
            _ResidualBlock(_STATE_CHANNELS),
            nn.Conv2d(_STATE_CHANNELS, _STATE_CHANNELS, 3, padding=1),
        )

    def forward(self, feature: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Turn ``F_B`` of a frame (N, 60, h, w) and a state (N, 20, h, w) into (N, 80, h, w) and the next state."""
        hidden = self.F_R(torch.cat((feature, state), dim=1))
        return hidden, self.F_h(hidden)


class IFIRNN(FrameAdding):
    """A network that restores a clip frame by frame and refines the state several times on each frame.

    It takes BGR in [-0.5, 0.5], as the published weights need it. The result of a frame depends on it and on all frames
    before it. There are two cells: the first takes the state of the frame before, the second refines it ``iterations``
    times and reconstructs the frame after the last. Widths are fixed, with 1 635 683 parameters. The published network
    computes the picture itself; one that was started at the identity computes its change (:class:`FrameAdding`).
    """

    spec = NetworkSpec(
        size_multiple=_SCALE, min_size_px=_SCALE, channel_order="bgr", value_range=(-0.5, 0.5), carries_state=True
    )

    def __init__(self, iterations: int = 3) -> None:
        """Build the network with random weights.

        Args:
            iterations: number of runs of the second cell on a frame, 1 or more; 3 makes C2H3.
        """
        super().__init__()
        if iterations < 1:
            raise ValueError(f"iterations must be 1 or more, not {iterations}")
        self.iterations = iterations
        self.rnncell0 = _Cell(reconstructs=False)
        self.rnncell1 = _Cell(reconstructs=True)

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames, as a sum of each frame and a zero."""
        self.add_frame(self.rnncell1.F_L[-1])

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), BGR in [-0.5, 0.5]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        return self.forward_from(clip, None, is_end=True)[0]

    def forward_from(self, clip: Tensor, state: NetworkState | None, *, is_end: bool) -> tuple[Tensor, NetworkState]:
        """Restore the next frames of a clip; each result comes with its frame.

        Args:
            clip: (N, T, 3, H, W), BGR in [-0.5, 0.5].
            state: state from the call before, (N, 20, H/4, W/4); None at the start of a clip.
            is_end: whether the clip ends here, which makes no difference to this network.

        Returns:
            The results (N, T, 3, H, W) and the next state.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"IFIRNN takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )
        batch, _, _, height, width = clip.shape
        hidden_state = (
            clip.new_zeros(batch, _STATE_CHANNELS, height // _SCALE, width // _SCALE) if state is None else state[0]
        )
        restored = []
        for frame in clip.unbind(1):
            hidden, hidden_state = self.rnncell0(self.rnncell0.F_B(frame), hidden_state)
            feature = self.rnncell1.F_B(frame)  # (N, 60, H/4, W/4), the same in every iteration
            for _ in range(self.iterations):
                hidden, hidden_state = self.rnncell1(feature, hidden_state)
            restored.append(self.completed(self.rnncell1.F_L(hidden), frame))  # (N, 80, H/4, W/4) to (N, 3, H, W)
        return torch.stack(restored, dim=1), (hidden_state,)


NETWORK = Network(
    IFIRNN,
    IFIRNN.spec,
    presets={"tiny": {"iterations": 1}},  # there is no smaller width: 1.6 M parameters
    signature=("rnncell0.F_B.0.weight",),
)
