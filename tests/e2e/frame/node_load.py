"""node_load.py HOST PORT CLIENTS: clients that resume their sessions, until standard input ends.

A line on standard input marks a moment. At the end it prints as JSON: "served", "failed" (what,
and the seconds since the last mark when its request began; none before the first), and
"resumed" [yes, no] since the last mark."""
import json
import pathlib
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from frame.client import TLS13, Tls, context, get  # noqa: E402


class Load:
    def __init__(self, host, port, clients):
        self.where, self.over, self.lock = (host, port), threading.Event(), threading.Lock()
        self.served, self.failed, self.resumed, self.mark = 0, [], [0, 0], None
        self.threads = [threading.Thread(target=self.call) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def call(self):
        tls, session = context(versions=TLS13), None
        while not self.over.is_set():
            began = time.monotonic()
            try:
                with Tls(self.where[1], host=self.where[0], tls=tls, session=session) as client:
                    reused = client.tls.session_reused
                    good = client.request(get("/", close=True)).status == 200
                    client.read_to_end()
                    last, session = session, client.tls.session
                self.count(None if good else "status", began, reused if last else None)
            except (OSError, ssl.SSLError, AssertionError) as error:
                self.count(repr(error), began, None)

    def count(self, fault, began, reused):
        with self.lock:
            since = None if self.mark is None else began - self.mark
            self.served += fault is None
            if fault is not None:
                self.failed.append([fault, since])
            elif reused is not None and since is not None and since > 0:
                self.resumed[0 if reused else 1] += 1

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return {"served": self.served, "failed": self.failed, "resumed": self.resumed}


if __name__ == "__main__":
    load = Load(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    while load.served < 20 and not load.failed:
        time.sleep(0.05)
    print("begun", flush=True)
    for _ in sys.stdin:
        with load.lock:
            load.mark, load.resumed = time.monotonic(), [0, 0]
        print("marked", flush=True)
    print(json.dumps(load.end()), flush=True)
