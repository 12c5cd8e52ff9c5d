"""Tests of the tests' own tools, where a mistake is easy."""
import socket

import pytest

from frame import secrets
from frame.ports import free_port


def test_a_free_port_is_for_servers_alone():
    """Neither another test's bind() nor a client's own end gets it meanwhile."""
    port = free_port()
    for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0"):
        with socket.socket() as other, pytest.raises(OSError):
            other.bind((address, port))
        socket.create_server((address, port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as server:
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            assert client.recv(1) == b""


def test_a_secret_in_a_log_is_found(tmp_path, pki):
    secrets.remember_message(b"POST / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0LWxvZ2lu\r\n"
                             b"Cookie: session=0123abcd\r\n\r\n<Password>swordfish</Password>")
    pki.rsa.install(tmp_path / "cert", tmp_path / "key")
    log = tmp_path / "log"
    log.write_text("event=end reason=done\n")
    assert not secrets.found_in([log, tmp_path / "none"])
    key_line = (tmp_path / "key").read_text().splitlines()[3]
    for line in ("authorization=c2VjcmV0LWxvZ2lu", "secret-login", "session=0123abcd", "<Password>swordfish</Password>",
                 key_line):
        log.write_text(f"event=end detail={line}\n")
        assert len(secrets.found_in([log])) == 1
