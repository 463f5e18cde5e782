"""Restore a person's own clip: by a fit to it alone, or frame by frame through a network with weights.

A method that is trained over clips without truth is trained on the clip alone where no weights are named.
"""

from dataclasses import replace

from hvdbench.errors import InputError
from hvdbench.methods.inference.network_restoration import Announce
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.training.one_clip import OneClip, on_one_clip
from hvdbench.weights.finding import find_weights
from hvdbench.workflows.deblur.estimate import Estimate, estimate_clip
from hvdbench.workflows.deblur.fitting import STEPS_PER_MINUTE, fit_clip, with_budget
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workflows.deblur.self_check import advice, measure
from hvdbench.workflows.deblur.streaming import stream_clip
from hvdbench.workspace.progress import Progress, silent

__all__ = [
    "STEPS_PER_MINUTE",
    "DeblurRequest",
    "DeblurResult",
    "Estimate",
    "advice",
    "deblur_clip",
    "estimate_clip",
    "fit_clip",
    "measure",
    "stream_clip",
    "with_budget",
]


def deblur_clip(
    request: DeblurRequest, *, overwrite: bool = False, progress: Progress = silent, announce: Announce | None = None
) -> DeblurResult:
    """Restore a clip; the same command again finishes a stopped run and leaves a finished one alone.

    Args:
        request: what to do.
        overwrite: replace what came from something else.
        progress: called with (done, total, what).
        announce: called with a line before a run starts that is going to be long.

    Raises:
        InputError: an input that is no clip, an output that holds something else, or an option that the method has no
            use for.
        UnknownNameError: no such method.
        WeightsError: weights that are missing, damaged, or of another network.
    """
    if not request.output.name:
        raise InputError(f"'{request.output}' cannot be an output: name a new folder, or a video file")
    method = open_method(request.method, weights=request.weights, trust=request.trust)
    if method.is_trained and request.weights is None:
        method = on_one_clip(method, announce)
    elif method.is_trained:
        request = replace(request, weights=find_weights(str(request.weights)))
    method = with_budget(method, request.minutes)
    if method.has_network:
        return stream_clip(request, method, overwrite=overwrite, progress=progress, announce=announce)
    _check_fits(method, request)
    return fit_clip(request, method, overwrite=overwrite, progress=progress)


def _check_fits(method: Method, request: DeblurRequest) -> None:
    """Refuse options that the method has no use for."""
    if request.inference is not None and not isinstance(method.scheme, OneClip):
        raise InputError(
            f"method '{method.name}' works without a network of its own, so --precision, --window and --tile have "
            "nothing to set"
        )
    if request.bit_depth != 8:
        raise InputError(
            f"method '{method.name}' works in 8 bits: --bit-depth {request.bit_depth} is for networks with weights"
        )
