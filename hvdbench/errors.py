"""The errors that a user can meet and correct.

Each is both an :class:`HvdbenchError` and a builtin error, so callers may catch either. The command line turns every
``HvdbenchError`` into its one sentence and exit code 1; any other exception is a bug and keeps its traceback.
"""


class HvdbenchError(Exception):
    """The root of all errors that a user can correct."""


class InputError(HvdbenchError, ValueError):
    """A user's file or folder that cannot be used as requested."""


class VideoError(InputError, OSError):
    """A video file that cannot be opened, decoded or written."""


class RecipeError(HvdbenchError, ValueError):
    """A recipe that is missing or malformed, or that has an unknown key."""


class TrustError(RecipeError):
    """A file names code that would run, and the user has not said that the file is trusted."""


class UnknownNameError(HvdbenchError, LookupError):
    """A name that is in no catalogue."""


class TrajectoryError(HvdbenchError, ValueError):
    """A camera path that cannot be read, or is too short or irregular to use."""


class DatasetError(HvdbenchError, ValueError):
    """A dataset folder that is missing, incomplete, or was made from other settings."""


class WeightsError(HvdbenchError, ValueError):
    """Weights that are missing, damaged or belong to another network."""


class FitError(HvdbenchError, RuntimeError):
    """A clip or dataset that a method cannot be fitted to."""


class StrictError(HvdbenchError, RuntimeError):
    """A fallback would have replaced something that is not configured, and ``--strict`` forbids it."""
