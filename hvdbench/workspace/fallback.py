"""What happens where something is not configured: one plain warning and the embedded default, or, strictly, an error.

A fallback stands in only for what the user did *not* name. What was named and is wrong is an error everywhere.
"""

import logging
import os
from dataclasses import dataclass

from hvdbench.errors import StrictError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fallback:
    """Decides whether defaults may stand in.

    Attributes:
        strict: turn every fallback into a :class:`StrictError`.
    """

    strict: bool = False

    @classmethod
    def from_environment(cls, strict: bool) -> "Fallback":
        """Be strict where asked, or where ``HVDBENCH_STRICT`` is set to anything but 0."""
        return cls(strict or os.environ.get("HVDBENCH_STRICT", "0") not in {"", "0"})

    def take(self, missing: str, instead: str) -> None:
        """Warn of what is missing and of what stands in for it.

        Raises:
            StrictError: in strict mode.
        """
        if self.strict:
            raise StrictError(f"{missing} ({instead} would be used instead, which strict mode forbids)")
        logger.warning("%s: hvdbench uses %s instead", missing, instead)
