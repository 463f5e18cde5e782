"""Define what the settings of rivals share whose paper and published code disagree somewhere."""

from typing import Literal

from pydantic import ConfigDict

from hvdbench.recipe import Settings

Way = Literal["meant", "published"]
"""Whether a fault of the published code is put right, or kept as it is."""


class RivalSettings(Settings):
    """Settings of a method with a table ``as`` of the published code's faults, each ``meant`` or ``published``."""

    # "as" is a keyword of Python, so the field has another name than the key
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)
