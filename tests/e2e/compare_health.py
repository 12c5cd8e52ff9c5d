#!/usr/bin/env python3
"""One of two backends goes wrong, before this proxy, nginx and HAProxy: a table, no test.

    compare_health.py [--requests N] [--pause S] [FAULT...]

WLBPROXY says which binary, as for the tests. Both backends serve by turns; then one of them
has the fault, for its health checks, too, but where the fault says "checks pass". Clients send
GETs and POSTs all the while. A request has failed when its reply is not a whole 200 of a
backend within ten seconds. Checks are alike: every half second, two in a row. Debian's nginx
cannot check; its max_fails and proxy_next_upstream are its defaults.
"""
import argparse
import os
import pathlib
import tempfile
import threading
import time

from compare_smuggling import Peer
from frame.backend import Backend
from frame.client import Tls, context, get
from frame.pki import Pki
from frame.proxy import Proxy

TIMEOUT = 2  # seconds that each of them waits for a backend
CLIENTS = 2  # one sends GETs, one POSTs
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off; proxy_temp_path {folder}/proxy; client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/1; uwsgi_temp_path {folder}/2; scgi_temp_path {folder}/3;
    upstream back {{ server {backend[0]}; server {backend[1]}; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert}; ssl_certificate_key {key};
        location / {{
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_connect_timeout {timeout}s; proxy_read_timeout {timeout}s;
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    option httpclose
    option redispatch
    option httpchk GET /well
    http-check expect rstatus ^[23]
    timeout connect {timeout}s
    timeout client 10s
    timeout server {timeout}s
    timeout check 1s
frontend front
    bind 127.0.0.1:{port} ssl crt {merged}
    default_backend back
backend back
    balance roundrobin
    default-server check inter 500ms rise 2 fall 2
    server one {backend[0]}
    server two {backend[1]}
"""


def answer(reply):
    def fault(talk, is_check):
        talk.send(reply)
        talk.wait_for_end()
    return fault


def hang(talk, is_check):
    talk.wait_for_end()


def close(talk, is_check):
    pass


def flap(talk, is_check):
    talk.send(OK if int(time.monotonic() * 2) % 2 else FAULT_500)


def slow(talk, is_check):
    time.sleep(0.5)
    talk.send(OK)


def lie(fault):
    """The checks pass, the requests do not."""
    def lying(talk, is_check):
        if is_check:
            talk.send(OK)
        else:
            fault(talk, is_check)
    return lying


FAULT_500 = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"
GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\ngarble"
FAULTS = {
    "hangs": hang,
    "hangs, checks pass": lie(hang),
    "answers 500": answer(FAULT_500),
    "answers 500, checks pass": lie(answer(FAULT_500)),
    "accepts and closes": close,
    "accepts and closes, checks pass": lie(close),
    "half a status line": answer(b"HTTP/1.1 2"),
    "200 with garbage": answer(GARBAGE),
    "200 with garbage, checks pass": lie(answer(GARBAGE)),
    "a head of 100 KB": answer(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "a body without an end": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello"),
    "flaps twice a second": flap,
    "answers after 0.5 s": slow,
}


class Patient:
    def __init__(self):
        self.fault = None
        self.backend = Backend(self.converse)

    def converse(self, talk):
        head, _ = talk.read_request()
        fault = self.fault
        if head and fault:
            fault(talk, b" /well " in head)
        elif head:
            talk.send(OK)


def start(product, folder, pki, backends):
    if product == "nginx":
        return Peer(folder, pki, backends, "/usr/sbin/nginx", NGINX, ["-c"])
    if product == "HAProxy":
        return Peer(folder, pki, backends, "/usr/sbin/haproxy", HAPROXY, ["-db", "-f"])
    program = os.environ.get("WLBPROXY") or os.path.join(
        os.path.dirname(__file__), "../../build/wlbproxy")
    proxy = Proxy(program, folder, pki.rsa, list(backends), log_level="error",
                  balance="roundrobin", health="GET /well", health_interval="500ms",
                  health_timeout="1s", health_rise=2, health_fall=2,
                  connect_timeout=f"{TIMEOUT}s", response_timeout=f"{TIMEOUT}s")
    proxy.start()
    return proxy


def ask(port, request, tls):
    """Whether it was answered in full, by a backend that is well."""
    try:
        with Tls(port, tls=tls, timeout=10) as client:
            client.send(request)
            data, end = client.read_to_end()
    except OSError:
        return False
    return data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\nhello") \
        and end == "close_notify"


def load(port, request, arguments, tally, tls):
    for _ in range(arguments.requests):
        began = time.monotonic()
        good = ask(port, request, tls)
        tally.append((good, time.monotonic() - began))
        time.sleep(arguments.pause)


def run(product, folder, pki, fault, arguments):
    """(failed, sent, the longest of those that did not fail) of GETs, and of POSTs."""
    patients = [Patient(), Patient()]
    proxy = start(product, folder, pki, tuple(it.backend.address for it in patients))
    tls = context()
    try:
        assert all(ask(proxy.port, get("/", close=True), tls) for _ in range(4))
        patients[0].fault = fault
        tallies, threads = [], []
        for i in range(CLIENTS):
            post = i % 2
            request = get("/", method="POST", body=b"hello", close=True) if post \
                else get("/", close=True)
            tallies.append((post, []))
            threads.append(threading.Thread(
                target=load, args=(proxy.port, request, arguments, tallies[-1][1], tls)))
            threads[-1].start()
        for thread in threads:
            thread.join()
    finally:
        proxy.stop()
        for patient in patients:
            patient.backend.close()
    for post in (0, 1):
        all_ = [one for kind, tally in tallies if kind == post for one in tally]
        yield sum(not good for good, _ in all_), len(all_), max(
            (ms for good, ms in all_ if good), default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100, help="of each client")
    parser.add_argument("--pause", type=float, default=0.1, help="between two requests of one")
    parser.add_argument("faults", nargs="*", metavar="FAULT")
    arguments = parser.parse_args()
    products = ["wlbproxy", "nginx", "HAProxy"]
    print("failed of sent, GET and POST; the slowest reply that was good\n")
    print("| one of two backends | " + " | ".join(products) + " |")
    print("|---" * (len(products) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        pki_folder = folder / "pki"
        pki_folder.mkdir()
        pki = Pki(pki_folder)
        for number, name in enumerate(arguments.faults or FAULTS):
            cells = []
            for product in products:
                gets, posts = run(product, folder / f"{product}{number}", pki,
                                  FAULTS[name], arguments)
                cells.append(f"{gets[0]}/{gets[1]} {posts[0]}/{posts[1]}, "
                             f"{max(gets[2], posts[2]):.1f} s")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
