"""Constructor arguments of networks under a name: ``estrnn@tiny`` is ESTRNN made with ``PRESETS["tiny"]["estrnn"]``.

``tiny`` serves tests and dry runs: every part of the network is there, once, as narrow as it goes.
"""

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "tiny": {
        "basicvsrpp": {"mid_channels": 8, "num_blocks": 1},
        "cdvd_tsp": {"n_feat": 4, "n_resblock": 1},  # PWC-Net within it has one width: 9.4 M parameters
        "estrnn": {"n_features": 4, "n_blocks": 1},
        "ifirnn": {"iterations": 1},  # one width: 1.6 M parameters
        "nafnet": {"width": 8, "enc_blk_nums": (1, 1), "dec_blk_nums": (1, 1)},
        "rvrt": {
            "embed_dim": 12,
            "num_heads": 2,
            "num_blocks": (1, 1, 1),
            "deformable_groups": 2,
            "attention_heads": 2,
        },
    },
}
SEPARATOR = "@"


def preset_arguments(name: str) -> tuple[str, dict[str, Any]]:
    """Split ``network@preset`` into the network's name and its constructor arguments; none without ``@preset``.

    Raises:
        KeyError: there is no such preset, or none of this network; the message lists what there is.
    """
    network, separator, preset = name.partition(SEPARATOR)
    if not separator:
        return network, {}
    if preset not in PRESETS:
        raise KeyError(f"no preset '{preset}' (known: {', '.join(sorted(PRESETS))})")
    if network not in PRESETS[preset]:
        raise KeyError(f"no preset '{preset}' of network '{network}' (it is there for {', '.join(PRESETS[preset])})")
    return network, dict(PRESETS[preset][network])
