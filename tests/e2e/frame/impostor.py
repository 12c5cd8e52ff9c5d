"""A stand-in for a running proxy on its control socket, whose workers show what they like."""
import array
import hashlib
import json
import socket
import ssl
import threading


def leaf_digest(path):
    text = open(path, encoding="ascii").read()
    end = text.index("-----END CERTIFICATE-----") + 25
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[:end] + "\n")).hexdigest()


class Impostor:
    """Reloads whatever is asked; `workers` says what each presents from then on.

    One entry a worker: a Pair; "disk" (the pair in place); "closed"; "silent"; "plain".
    `asked` lists the requests, with what was in place when they came.
    """

    def __init__(self, control, cert, key, workers):
        self.cert, self.key, self.workers = cert, key, workers
        self.asked, self.generation, self.kept = [], 1, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(control))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.kept:
            one.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                line = client.makefile().readline()
                if line:  # daemon_is_absent() only knocks
                    self._answer(client, json.loads(line)["request"])

    def _answer(self, client, request):
        self.asked.append((request, leaf_digest(self.cert)))
        if request == "probe":
            ours, theirs = zip(*[socket.socketpair() for _ in self.workers])
            for worker, end in zip(self.workers, ours):
                threading.Thread(target=self._worker, args=(worker, end), daemon=True).start()
            text = {"ok": True, "generation": self.generation,
                    "workers": list(range(len(self.workers)))}
            self._send(client, text, theirs)
            return
        if request == "status":
            self._send(client, {"ok": True, "generation": self.generation})
            return
        self.generation += 1
        self._send(client, {
            "ok": True, "unchanged": False, "generation": self.generation, "findings": [],
            "workers": [], "services": [{
                "name": "wlb", "accept": [], "connect": [], "protocol": "http",
                "certificates": [{"file": str(self.cert), "key": "RSA 2048",
                                  "sha256": leaf_digest(self.cert)}]}]})

    @staticmethod
    def _send(client, text, sockets=()):
        fds = array.array("i", [one.fileno() for one in sockets])
        client.sendmsg([json.dumps(text).encode() + b"\n"], [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if sockets else [])
        for one in sockets:
            one.close()

    def _worker(self, shows, end):
        self.kept.append(end)
        if shows == "silent":
            return
        if shows == "closed":
            end.close()
        elif shows == "plain":
            end.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            end.close()
        else:
            cert, key = (self.cert, self.key) if shows == "disk" else (shows.cert, shows.key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            try:
                context.wrap_socket(end, server_side=True).recv(1)
            except OSError:
                pass
