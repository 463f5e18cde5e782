"""Handle what is not configured: with one warning and the embedded default, or, in strict mode, with an error.

A fallback replaces only what the user did *not* name. What was named and is wrong is always an error.
"""

import logging
import os
from dataclasses import dataclass

from hvdbench.errors import StrictError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fallback:
    """The decision whether defaults may be used.

    Attributes:
        strict: whether every fallback is a :class:`StrictError`.
    """

    strict: bool = False

    @classmethod
    def from_environment(cls, strict: bool) -> "Fallback":
        """Return a fallback that is strict if asked, or if ``HVDBENCH_STRICT`` is set to anything but 0."""
        return cls(strict or os.environ.get("HVDBENCH_STRICT", "0") not in {"", "0"})

    def take(self, missing: str, instead: str) -> None:
        """Warn of what is missing and of what is used instead.

        Raises:
            StrictError: if the mode is strict.
        """
        if self.strict:
            raise StrictError(f"{missing}: in strict mode hvdbench does not fall back on {instead}")
        logger.warning("%s: hvdbench uses %s instead", missing, instead)
