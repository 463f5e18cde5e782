"""Object storage for tests: one in the process's memory, and a server of S3 on this machine."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

SECRETS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "bucket"


def memory_system():
    """Return the file system of ``memory://``, emptied."""
    fsspec = pytest.importorskip("fsspec", reason="needs the extra [cloud]")
    system = fsspec.filesystem("memory")
    system.store.clear()
    return system


def put_folder(system: object, folder: Path, root: str) -> None:
    """Write every file of a folder below a root."""
    files = {f"{root}/{path.relative_to(folder)}": path for path in sorted(folder.rglob("*")) if path.is_file()}
    for key, path in files.items():
        system.pipe_file(key, path.read_bytes())  # type: ignore[attr-defined]


@contextmanager
def s3_server() -> Iterator[object]:
    """Run an S3 server on this machine with one bucket, and yield the file system by which it is filled.

    The address and the credentials stand in the environment meanwhile, where worker processes find them too.
    """
    for name in ("fsspec", "s3fs"):
        pytest.importorskip(name, reason="needs the extra [cloud]")
    server_module = pytest.importorskip("moto.server", reason="needs the extra [test]")
    import s3fs

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = set_environment(
        {
            **SECRETS,
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
        }
    )
    try:
        system = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
        system.mkdir(BUCKET)
        yield system
    finally:
        set_environment(before)
        server.stop()


def set_environment(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set or unset variables, and return what they were."""
    before = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return before
