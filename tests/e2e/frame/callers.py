"""Clients that come all the time, for what happens while nobody should notice."""
import threading

from .client import Tls, context, get


def works(port, tls=None):
    with Tls(port, tls=tls) as client:
        return client.request(get("/", close=True)).status == 200


class Callers:
    """Clients that call these ports some fifty times a second: each is served, or refused at once.

    `outcomes` counts what they saw; anything but "served" and "refused" is lost.
    """

    def __init__(self, ports, count=6):
        self.ports, self.over, self.outcomes = ports, threading.Event(), {}
        self.lock, self.tls = threading.Lock(), context()
        self.threads = [threading.Thread(target=self._call) for _ in range(count)]

    def _one(self, port):
        try:
            return "served" if works(port, self.tls) else "status"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            return repr(error)

    def _call(self):
        over = False
        while not over:  # each calls at least once, however soon it is over
            for port in self.ports:
                outcome = self._one(port)
                with self.lock:
                    self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            over = self.over.wait(0.1)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
