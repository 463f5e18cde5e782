"""Turn what goes wrong at an address into sentences that show no secrets."""

from collections.abc import Iterator
from contextlib import contextmanager

from hvdbench.errors import InputError
from hvdbench.workspace.objects.location import Location

_NO_ACCESS = frozenset(
    {"PermissionError", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthInfoError"}
)
_REPLACED = frozenset({"FileExpired"})


class MissingError(InputError):
    """Nothing is at an address."""


@contextmanager
def sentences(location: Location) -> Iterator[None]:
    """Turn whatever a server or its library raises into a sentence.

    The error itself is not shown and not kept as a cause, since its text may repeat a password or a signature.

    Raises:
        InputError: if anything goes wrong but a missing package.
    """
    try:
        yield
    except (InputError, ImportError, MemoryError):
        raise
    except FileNotFoundError as error:
        why = _behind(error)
        if why is None:
            raise MissingError(missing(location)) from None
        raise InputError(_sentence(location, why)) from None
    except Exception as error:  # fsspec's systems raise errors of their own libraries, which are not imported here
        raise InputError(_sentence(location, error)) from None


def _behind(error: BaseException) -> Exception | None:
    """Return what made fsspec say that a file is not found, where that is a connection or a refusal."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        is_refusal = getattr(cause, "status", None) in (401, 403)
        is_connection = isinstance(cause, OSError | TimeoutError) and not isinstance(cause, FileNotFoundError)
        if isinstance(cause, Exception) and (is_refusal or is_connection):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _sentence(location: Location, error: Exception) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status", None)
    if kinds & _REPLACED:
        return f"'{location}' was replaced while it was read: run the command again once nobody writes there"
    if kinds & _NO_ACCESS or status in (401, 403):
        return (
            f"'{location}' may not be read ({type(error).__name__}): set the credentials as the storage's own tools "
            "read them, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for a public bucket"
        )
    return (
        f"'{location}' cannot be read, the connection or the server failed ({type(error).__name__}): check the address "
        "and the network, and run the command again"
    )


def missing(location: Location) -> str:
    """Return the sentence on an address at which nothing is."""
    return f"'{location}' does not exist: no such bucket, folder or file is there; check the names"


def package(location: Location, name: str) -> str:
    """Return the sentence on a package without which an address cannot be read."""
    return (
        f"'{location}' needs a package that cannot be imported ({name}): pip install 'hvdbench[cloud]' for s3:// and "
        "https://, and gcsfs or adlfs for other storage"
    )
