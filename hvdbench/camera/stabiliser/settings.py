"""Define the settings of the stabiliser in a dataset recipe: the table ``[ois]``."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from hvdbench.camera.stabiliser.kinds import stabiliser_of
from hvdbench.catalog import names, unknown
from hvdbench.recipe import Settings
from hvdbench.recipe.trust import Part

EIS_SMOOTHING_S = 0.4  # of kinds that turn frames, where nothing is said


class OisSettings(Settings):
    """A two-axis image stabiliser, optical, electronic or both."""

    kind: Annotated[str, Part("stabiliser")] = "lens_shift"
    """``off``, ``lens_shift``, ``sensor_shift``, ``module_tilt``, ``eis``, or an import string of a kind."""
    controller: Annotated[str, Part("controller")] | None = None
    """Import string of a controller that replaces ours: gyro rates in, lens angles out; left out: ours."""
    log: str | None = None
    """A CSV of recorded gyro rates and lens angles (``t,gx,gy,lx,ly``) that replaces hand and controller."""
    log_orientation: str = ""
    """Which axes of the log are the device's x, y and z, such as ``yXZ``; empty: they are in this order."""
    stroke_deg: float = Field(default=0.7, gt=0, le=45)
    """Largest angle that the lens can make up for; it hits a stop there."""
    limiter: Literal["box", "radial"] = "box"
    """``box``: the stroke limits each axis by itself; ``radial``: a circle limits both together."""
    leak_hz: float = Field(default=0.14, ge=0, le=1000)
    """Corner of the integrator's leak at the centre: what draws the lens back."""
    leak_limit_hz: float = Field(default=1.1, ge=0, le=1000)
    """Corner of the leak at the stop."""
    leak_from: float = Field(default=0.0, ge=0, lt=1)
    """Share of the stroke up to which the leak is that of the centre; from there it rises evenly to the stop's."""
    highpass_hz: float = Field(default=0.05, ge=0, le=1000)
    """Corner of the filter that removes the gyro's bias; 0: none."""
    gain: float = Field(default=0.98, ge=0, le=1.5)
    """Share of the measured rate that is followed (calibration error)."""
    delay_s: float = Field(default=0.0007, ge=0, le=0.1)
    """From motion to command: gyro filter, bus and processing."""
    natural_frequency_hz: float = Field(default=200.0, ge=0, le=100_000)
    """Of the closed position loop: shake well above it is followed too late to cancel. 0: the lens follows at once."""
    damping: float = Field(default=0.8, ge=0.01, le=100)
    """Of the closed position loop, as a share of critical damping."""
    gyro_noise_mdps: float = Field(default=3.8, ge=0, le=100_000)
    """Density of the gyro's white noise, mdps per sqrt(Hz)."""
    gyro_bias_deg_s: float = Field(default=0.0, ge=-10, le=10)
    """What the gyro reads at rest, about either axis, from the start of the simulation on; phones: up to 0.5."""
    pan_deg_s: float | None = Field(default=None, gt=0, le=10_000)
    """Rate above which a hand that keeps turning is taken to pan, per axis; left out: never."""
    pan_hold_s: float = Field(default=0.075, ge=0, le=60)
    """How long the rate must stay above."""
    pan_centring_hz: float = Field(default=15.0, ge=0, le=1000)
    """Least corner of the leak during a pan: the lens goes back to its centre."""
    pan_return_s: float = Field(default=0.4, ge=0, le=60)
    """After a pan the gain rises from 0 to its full value over this time."""
    eis_smoothing_s: float | None = Field(default=None, gt=0, le=60)
    """Standard deviation of the Gaussian that smooths the path onto which whole frames are turned after the shutter has
    closed, 0.3-0.5 in phones. Any kind; left out: 0.4 for ``eis``, and for others no frame is turned."""

    @model_serializer(mode="wrap")
    def _digested(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what a recipe without a log does not have, so that its digest stays what it was."""
        table: dict[str, Any] = values(self)
        return {key: value for key, value in table.items() if value or key != "log_orientation"}

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if ":" not in kind and kind not in names("stabiliser"):
            raise ValueError(unknown("stabiliser", kind, names("stabiliser")))
        return kind

    @property
    def smoothing_s(self) -> float | None:
        """The Gaussian's standard deviation where whole frames are turned; None where they are not.

        Raises:
            UnknownNameError, InputError: if the kind's import string leads nowhere, or to something else.
        """
        if self.eis_smoothing_s is None and stabiliser_of(self.kind).smooths_frames:
            return EIS_SMOOTHING_S
        return self.eis_smoothing_s
