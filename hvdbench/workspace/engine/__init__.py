"""Run independent jobs, one for each clip, in processes of this machine or on a Dask cluster."""

from hvdbench.errors import InputError
from hvdbench.workspace.engine.local import Engine, thread_map, usable_cores
from hvdbench.workspace.engine.on_dask import DaskEngine
from hvdbench.workspace.parsing import is_count

__all__ = ["DaskEngine", "Engine", "parse_engine", "thread_map", "usable_cores"]


def parse_engine(text: str) -> Engine:
    """Parse ``local`` or ``dask``, each with as many workers as cores, ``local:N``, ``dask:N``, or ``dask:ADDRESS``.

    Raises:
        InputError: if the word is another one, N is below 1, or the address is none.
    """
    name, _, rest = text.partition(":")
    has_number = is_count(rest) and int(rest) > 0
    if name == "local" and (not rest or has_number):
        return Engine(int(rest) if rest else usable_cores())
    if name == "dask" and (not rest or has_number or "://" in rest or ":" in rest):
        return DaskEngine(int(rest) if has_number else usable_cores(), "" if has_number else rest)
    raise InputError(
        f"there is no engine '{text}': write local or local:N with N worker processes, dask or dask:N for a cluster on "
        "this machine, or dask:ADDRESS, such as dask:tcp://host:8786, for one that runs already"
    )
