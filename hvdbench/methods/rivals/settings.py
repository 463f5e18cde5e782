"""Define what the settings of all rivals share: whether the paper is followed or the published code."""

from typing import Literal

from pydantic import ConfigDict, Field

from hvdbench.recipe import Settings


class RivalSettings(Settings):
    """Settings of a method whose paper and published code disagree somewhere."""

    # "as" is a keyword of Python, so the field has another name than the key
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    as_: Literal["meant", "published"] = Field("meant", alias="as")
    """Which of the two is followed where they disagree: ``meant``, the paper, or ``published``, the code with its
    faults, which docs/rivals.md lists."""

    @property
    def is_published(self) -> bool:
        """Whether the faults of the published code are kept."""
        return self.as_ == "published"
