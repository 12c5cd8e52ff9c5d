#!/usr/bin/env python3
"""The corpora of tests/corpus through this proxy, nginx and HAProxy: a table, no test.

    compare_smuggling.py [--list PRODUCT]    WLBPROXY says which binary, as for the tests

refused: nothing of it reached the other side. normalised: something did, and reads the same
for everybody (frame/strict.py). ambiguous: what reached the other side is something that two
parsers may read differently. --list names those of one product.
"""
import argparse
import collections
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from frame import corpus, strict
from frame.backend import Backend
from frame.client import Tls, context, get
from frame.pki import Pki
from frame.ports import free_port
from frame.proxy import Proxy
from frame.recorder import Recorder
from frame.wait import wait_until
from test_smuggling import CLIENTS, CONTEXTS, is_whole

TIMEOUT = 1  # seconds that anybody waits for the rest of something

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off; proxy_temp_path {folder}/proxy; client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/1; uwsgi_temp_path {folder}/2; scgi_temp_path {folder}/3;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert}; ssl_certificate_key {key};
        client_max_body_size 0; client_body_timeout {timeout}s; keepalive_timeout {timeout}s;
        large_client_header_buffers 4 32k;
        location / {{
            proxy_pass http://{backend};
            proxy_http_version 1.1;
            proxy_request_buffering off; proxy_ignore_client_abort on;
            proxy_read_timeout {timeout}s; proxy_send_timeout {timeout}s;
        }}
    }}
}}
"""

HAPROXY = """
global
    tune.bufsize 65536
defaults
    mode http
    option httpclose
    timeout connect {timeout}s
    timeout client {timeout}s
    timeout server {timeout}s
frontend front
    bind 127.0.0.1:{port} ssl crt {merged}
    default_backend back
backend back
    server one {backend}
"""


class Peer:
    """Another proxy, with its documented defaults, before the same backend."""

    def __init__(self, folder, pki, backend, program, text, arguments):
        folder.mkdir()
        self.port, pair = free_port(), pki.rsa
        (folder / "merged.pem").write_text(pair.merged())
        config = folder / "config"
        config.write_text(text.format(
            folder=folder, port=self.port, cert=pair.cert, key=pair.key, backend=backend,
            merged=folder / "merged.pem", timeout=TIMEOUT))
        self.log = open(folder / "output", "wb")
        self.process = subprocess.Popen([program, *arguments, config], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until(self._answers, f"{program} answers")

    def _answers(self):
        assert self.process.poll() is None, self.log.name
        try:
            Tls(self.port).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


def start(product, folder, pki, backend):
    if product == "wlbproxy":
        program = os.environ.get("WLBPROXY") or os.path.join(
            os.path.dirname(__file__), "../../build/wlbproxy")
        proxy = Proxy(program, folder, pki.rsa, backend, log_level="error", max_body=0,
                      upgrade="websocket", body_timeout=f"{TIMEOUT}s")
        proxy.start()
        return proxy
    if product == "nginx":
        return Peer(folder, pki, backend, "/usr/sbin/nginx", NGINX, ["-c"])
    return Peer(folder, pki, backend, "/usr/sbin/haproxy", HAPROXY, ["-db", "-f"])


def judge_request(payload, talks):
    """Judges the result of one payload of requests."""
    complaints = [talk.complaint for talk in talks if talk.complaint]
    if not complaints and any(len(talk.requests) > 1 for talk in talks):
        complaints = ["several requests where one was meant"]
    if complaints:
        return "ambiguous", complaints[0]
    return ("normalised" if any(talk.received for talk in talks) else "refused"), ""


def requests(product, folder, pki):
    recorder = Recorder(timeout=TIMEOUT)
    proxy = start(product, folder, pki, recorder.address)
    recorder.settle()
    tls = context()
    try:
        for payload in corpus.load("requests"):
            corpus.converse(proxy.port, payload.data, tls)
            yield (payload, *judge_request(payload, recorder.settle()))
    finally:
        proxy.stop()
        recorder.close()


def judge_reply(payload, received, how, head):
    """Judges what a client got for one payload of replies, to the end of its connection."""
    if not received:
        return "refused", ""
    try:
        reply, surplus = strict.read_reply(received, head)
        while 100 <= reply.status < 200 and reply.status != 101:
            reply, surplus = strict.read_reply(surplus, head)
    except strict.Ambiguous as error:
        return "ambiguous", str(error)
    except strict.Incomplete:
        return "normalised", ""  # a cut that its framing shows
    if payload.verdicts[-1] == "cut" and reply.until_the_end and how == "close_notify":
        return "ambiguous", "a cut that looks whole"
    if surplus:
        return "ambiguous", "bytes behind the reply"
    return ("refused" if reply.status in (502, 504) else "normalised"), ""


def replies(product, folder, pki):
    current = []

    def script(talk):
        if talk.read_head():
            talk.send(current[0])

    backend = Backend(script)
    proxy, tls = start(product, folder, pki, backend.address), context()
    try:
        for payload in corpus.load("responses"):
            current[:] = [payload.data]
            head = payload.context == "HEAD"
            received, how = corpus.converse(
                proxy.port, CONTEXTS.get(payload.context, CLIENTS["keep-alive"]), tls,
                is_whole(head))
            verdict, why = judge_reply(payload, received, how, head)
            yield payload, verdict, why
    finally:
        proxy.stop()
        backend.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", metavar="PRODUCT")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "pki").mkdir()
    pki = Pki(folder / "pki")
    print(f"{'':24}{'payloads':>10}{'refused':>10}{'normalised':>12}{'ambiguous':>11}")
    for direction in (requests, replies):
        for product in ("wlbproxy", "nginx", "haproxy"):
            counts, listed = collections.Counter(), []
            for payload, verdict, why in direction(
                    product, folder / f"{product}-{direction.__name__}", pki):
                counts[verdict] += 1
                if why:
                    listed.append(f"    {why}: {payload.name}")
            print(f"{direction.__name__:10}{product:14}{sum(counts.values()):10}"
                  f"{counts['refused']:10}{counts['normalised']:12}{counts['ambiguous']:11}",
                  flush=True)
            if arguments.list == product:
                print("\n".join(sorted(listed)), flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
