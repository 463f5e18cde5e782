"""No test, and so no command that is tested, opens a connection to another machine."""

import socket
import urllib.error
import urllib.request

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_connection_to_another_machine_fails_the_test(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as connection, pytest.raises(AssertionError, match="connects to another machine"):
        connection.connect((host, 80))


def test_a_name_of_another_machine_is_not_even_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"socket\.getaddrinfo to example\.org"):
        urllib.request.urlopen("http://example.org/")


def test_this_machine_may_be_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        socket.create_connection(address, timeout=5).close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://localhost:{address[1]}/", timeout=5)
