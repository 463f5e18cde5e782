"""Define the scheme ``cdvd_tsp``: the cascade of Pan et al. (CVPR 2020), trained on the truth of clips."""

from dataclasses import replace
from typing import ClassVar

from torch import nn

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.building import build_network
from hvdbench.methods.related.cdvd_tsp.objective import CdvdTspObjective
from hvdbench.methods.related.cdvd_tsp.settings import CdvdTspSettings
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.networks.cdvd_tsp import CDVDTSP
from hvdbench.recipe import Settings
from hvdbench.store import Truth


class CdvdTsp(NetworkTraining[CdvdTspSettings]):
    """A scheme that trains flow and restoration together, and restores every frame of a clip."""

    Settings: ClassVar[type[Settings]] = CdvdTspSettings
    reads_truth: ClassVar[bool] = True

    @property
    def truth(self) -> Truth:
        """The kind of truth that it learns from."""
        return self.settings.truth

    @property
    def remark(self) -> str:
        """Where the flow comes from, since the published PWC-Net is not part of hvdbench."""
        return f"flow: {self._flow}"

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network with random weights drawn from ``seed``, as the settings want its stages, prior and flow.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network is another one than CDVD-TSP's, or does not take its arguments.
        """
        settings = self.settings
        own: dict[str, object] = {
            "stages": settings.stages,
            "prior": settings.as_ if settings.prior else "none",
            "flow": "pwc_net" if settings.flow == "pwc_net" else "given",
            "trains_flow": settings.joint_training,
            "ends": "published" if settings.is_published else "repeat",
        }
        if resolve("network", NamedPreset.parse(settings.network).name).module is not CDVDTSP:
            raise InputError(
                f"the scheme 'cdvd_tsp' trains the network 'cdvd_tsp' alone, and '{settings.network}' is another one: "
                "use the scheme 'supervised' for it"
            )
        arguments = {**settings.network_arguments, **own}
        return build_network(settings.network, arguments, seed, zero_flow_start=settings.zero_flow_start)

    def objective(self, seed: int = 0) -> CdvdTspObjective:
        """Build the objective of the training."""
        return CdvdTspObjective(self.settings, seed)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights, (T, H, W, 3) uint8 RGB, and note which flow and prior were used."""
        restored = super().restore_with(network, blurry, budget)
        assert isinstance(network, CDVDTSP)
        form = "published" if network.prior_as_meant is None else "meant"
        noted = {"flow": self._flow, "prior": form if network.has_prior else "none"}
        return replace(restored, facts=restored.facts | noted)

    @property
    def _flow(self) -> str:
        settings = self.settings
        if settings.flow == "dis":
            return "OpenCV's DIS in place of PWC-Net, not trained"
        size = "PWC-Net" if settings.network == "cdvd_tsp" else f"the PWC-Net of '{settings.network}'"
        known = any(part.startswith("flow_net") and name for part, name in settings.start_parts.items())
        start = "from published weights" if known or settings.start_from else "from random weights"
        return f"{size}, {start}, {'trained with the restoration' if settings.joint_training else 'not trained'}"
