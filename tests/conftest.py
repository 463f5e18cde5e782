"""Fixtures that several test files share."""

import ipaddress
import os
import socket
import sys
from pathlib import Path

import pytest

# Before NumPy and torch are imported: on a machine whose cores are shared, threads mostly wait for each other.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

os.environ["XDG_CONFIG_HOME"] = os.devnull  # a developer's own settings stay out of the tests

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


class ForeignConnectionError(AssertionError):
    """A test that opens a connection to another machine."""


def guard_connections(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse every connection but those to this machine, in whatever library it begins."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""  # a path on the disk, or a netlink, is no host
    elif event == "socket.getaddrinfo":
        host = arguments[0] or ""
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host in ("", "localhost", socket.gethostname()):
        return
    try:
        is_own = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise ForeignConnectionError(f"{event} to {host}: nothing that is tested connects to another machine")


def pytest_configure() -> None:
    import cv2

    cv2.setNumThreads(1)
    sys.addaudithook(guard_connections)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, camera paths and reference outputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the folder 'shared' with real clips and reference outputs is not beside this checkout")
    return SHARED
