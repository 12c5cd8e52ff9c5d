"""What the tests themselves stand on, where it is easily got wrong."""
import socket

import pytest

from frame.ports import free_port


def test_a_free_port_is_for_servers_alone():
    """Neither another test's bind() nor a client's own end gets it meanwhile."""
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as server:
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            assert client.recv(1) == b""
