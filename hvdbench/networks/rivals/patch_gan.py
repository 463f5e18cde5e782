"""PatchGAN, a discriminator that judges each patch of a picture (Isola et al., CVPR 2017; arXiv:1611.07004)."""

from torch import Tensor, nn

from hvdbench.networks.network import Network

_KERNEL_PX = 4
_SLOPE = 0.2
_WIDEST = 8  # times the first width


class PatchGan(nn.Module):
    """Strided convolutions with instance normalisation; one number for each patch, positive for a real one.

    The default judges patches of 70x70 px and has the keys of Blur2Blur's discriminator: 2 764 737 parameters. Its
    normalisation has no parameters.
    """

    def __init__(self, ndf: int = 64, n_layers: int = 3) -> None:
        """Build the network; weights are drawn from a normal distribution of scale 0.02, as in the published code.

        Args:
            ndf: number of channels after the first convolution.
            n_layers: number of convolutions that halve the sides.
        """
        super().__init__()
        if ndf < 1 or n_layers < 1:
            raise ValueError(f"ndf and n_layers must be 1 or more, not {ndf} and {n_layers}")
        layers: list[nn.Module] = [nn.Conv2d(3, ndf, _KERNEL_PX, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        channels = ndf
        for number in range(1, n_layers + 1):
            wider = ndf * min(2**number, _WIDEST)
            stride = 2 if number < n_layers else 1
            layers += [
                nn.Conv2d(channels, wider, _KERNEL_PX, stride=stride, padding=1),
                nn.InstanceNorm2d(wider),
                nn.LeakyReLU(_SLOPE),
            ]
            channels = wider
        layers.append(nn.Conv2d(channels, 1, _KERNEL_PX, padding=1))
        self.model = nn.Sequential(*layers)
        self.min_size_px = 3 * 2**n_layers  # the last normalisation needs more than one place
        for module in self.model:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge pictures (N, 3, H, W), RGB in [0, 1]; the result is (N, 1, h, w).

        Raises:
            ValueError: if a side is too short.
        """
        if min(pictures.shape[-2:]) < self.min_size_px:
            raise ValueError(
                f"this PatchGAN judges pictures of {self.min_size_px} px a side or more, not {tuple(pictures.shape)}"
            )
        judged: Tensor = self.model(pictures)
        return judged


NETWORK = Network(
    PatchGan,
    presets={"tiny": {"ndf": 16, "n_layers": 2}},
    restores_clips=False,
    signature=("model.0.weight", "model.2.weight", "model.5.weight", "model.8.weight"),
)
