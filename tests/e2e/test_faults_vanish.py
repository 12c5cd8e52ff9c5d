"""A client that disappears, in every state a connection can be in.

Its backend connection ends at once, and nothing of either is left: neither in the counters
nor as a descriptor.
"""
import socket

import pytest

from frame.client import TLS12, Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until

SILENT = get("/silent")
SOCKET = get("/tunnel", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")

# The bytes that it has sent when it goes, and whether a part of the reply came first.
STATES = {
    "after the handshake": (b"", False),
    "within a head": (SILENT[:20], False),
    "within a body": (get("/silent", "Content-Length: 100", method="POST") + b"half", False),
    "within chunks": (get("/silent", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhe", False),
    "waiting for the reply": (get("/silent"), False),
    "requests ahead of it": (get("/silent") + get("/silent") * 3, False),
    "within the reply": (get("/endless"), True),
    "between two requests": (get("/short"), True),
    "in a tunnel": (SOCKET, True),
    "while we linger": (get("/early", "Content-Length: 100000", method="POST") + bytes(50), True),
}
WAYS = {"reset": Tls.reset, "plain end": Tls.vanish}


def script(talk):
    """Acts by path; its conversation is over when the proxy has gone."""
    while head := talk.read_head():
        path = head.split()[1]
        if path == b"/endless":
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while talk.send(bytes(65536)):
                pass
        elif path == b"/tunnel":
            talk.send(b"HTTP/1.1 101 Over\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        elif path == b"/short":
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        elif path == b"/early":
            talk.send(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
        talk.wait_for_end()


def everything(proxy):
    return proxy.status()["workers"][0]["counters"]["connections"], proxy.descriptors()


@pytest.mark.parametrize("how", WAYS)
def test_nothing_is_left_of_a_client_that_vanishes(start_proxy, backend, how):
    started = backend(script)
    proxy = start_proxy(started.address, upgrade="websocket", max_body=0)
    with Tls(proxy.port) as client:
        client.send(get("/short", close=True))
        client.read_to_end()
    wait_until(lambda: everything(proxy)[0] == 0)
    baseline = everything(proxy)
    for state, (sent, answered) in STATES.items():
        before = len(started.conversations)
        client = Tls(proxy.port, tls=context(versions=TLS12))
        client.send(sent)
        if answered:
            client.receive()
        elif b"\r\n\r\n" in sent:
            started.wait_for(lambda it, count=before: len(it.conversations) > count)
        WAYS[how](client)
        wait_until(lambda: everything(proxy) == baseline, f"nothing is left: {state}", 10)
        started.wait_for(lambda it: all(getattr(one, "done", False) for one in it.conversations), 10)
    assert not proxy.complaints()


def test_of_backends_that_fail_each_in_its_own_way_the_one_that_answers_is_found(
        start_proxy, backend, tmp_path):
    (tmp_path / "no-socket").write_text("")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "stale"))
    good = backend(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
    proxy = start_proxy([f"127.0.0.1:{free_port()}", f"unix:{tmp_path}/missing",
                         f"unix:{tmp_path}/stale", f"unix:{tmp_path}/no-socket", good.address])
    for _ in range(3):
        with Tls(proxy.port) as client:
            assert client.request(get("/", close=True)).body == b"good"
