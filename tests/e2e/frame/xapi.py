"""XenServer's client: XAPI's request bytes through one stunnel process per request.

The configuration is the one XAPI writes: TLS 1.2, P-384, two suites, and one of four ways
to verify. Returns what XAPI would read.
"""
import shutil
import socket
import subprocess

from .wait import TIMEOUT

CIPHERS = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
SERVICE = "http://schemas.citrix.com/DWM/IWorkloadBalance/"
VERIFY = {
    "off": "",
    "8.2": "verify = 2\n",
    "21.x": "verifyPeer = yes\n",
    "24.40": "verifyChain = yes\n",
}


def request_bytes(method="GetDiagnostics", host="localhost", path=None, body=None):
    body = body or (f'<?xml version="1.0" encoding="utf-8"?>\n<{method} '
                    'xmlns="http://schemas.citrix.com/DWM">\n</' + method + ">\n").encode()
    head = (f"POST {path or '/Citrix.Dwm.WorkloadBalance/Service'} HTTP/1.1\r\n"
            f"content-length: {len(body)}\r\nuser-agent: xapi/26.17\r\nconnection: close\r\n"
            f'SOAPAction: "{SERVICE}{method}"\r\nContent-Type: text/xml; charset=utf-8\r\n'
            f"Authorization: Basic d2xiOnNlY3JldA==\r\nHost: {host}\r\n\r\n")
    return head.encode() + body


class Answer:
    """`data` is all that came; `log` is stunnel's own; `status` its exit status."""

    def __init__(self, data, log, status):
        self.data, self.log, self.exit_status = data, log, status

    @property
    def verified(self):
        return "CERT: " not in self.log or "certificate verify failed" not in self.log

    @property
    def status(self):
        return int(self.data.split(b" ", 2)[1]) if self.data.startswith(b"HTTP/") else None

    @property
    def body(self):
        return self.data.split(b"\r\n\r\n", 1)[1]

    def fields(self):
        """As XAPI's parser sees them: a value with a colon is dropped."""
        lines = self.data.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]
        pairs = (line.decode().split(":") for line in lines)
        return {pair[0].lower(): pair[1].strip() for pair in pairs if len(pair) == 2}


class Xapi:
    def __init__(self, folder, pki):
        self.folder, self.pki, self.count = folder, pki, 0
        self.program = shutil.which("stunnel4") or shutil.which("stunnel")

    def _configuration(self, port, verify, ca, host):
        self.count += 1
        path = self.folder / f"xapi{self.count}.conf"
        log = self.folder / f"xapi{self.count}.log"
        text = (f"pid =\nclient = yes\nconnect = 127.0.0.1:{port}\nsslVersion = TLSv1.2\n"
                f"ciphers = {CIPHERS}\ncurve = secp384r1\nsni = {host}\ndebug = info\n"
                f"output = {log}\nTIMEOUTclose = 1\n")
        if verify != "off":
            text += VERIFY[verify] + f"checkHost = {host}\nCAfile = {ca}\n"
        path.write_text(text)
        return path, log

    def start(self, port, verify="off", ca=None, host="localhost", buffer=None, timeout=120):
        """(stunnel's process, our end of its socket, its log)."""
        path, log = self._configuration(port, verify, ca or self.pki.root.leaf, host)
        ours, theirs = socket.socketpair()
        if buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        ours.settimeout(timeout)
        process = subprocess.Popen([self.program, str(path)], stdin=theirs, stdout=theirs,
                                   stderr=subprocess.DEVNULL)
        theirs.close()
        return process, ours, log

    def call(self, port, request=None, verify="off", ca=None, host="localhost", buffer=None,
             before_reading=None, chunk=65536, timeout=120):
        """One request, read to the end as ExecuteReport and GetDiagnostics are."""
        process, ours, log = self.start(port, verify, ca, host, buffer, timeout)
        data = []
        try:
            ours.sendall(request or request_bytes(host=host))
            if before_reading:
                before_reading()
            while some := ours.recv(chunk):
                data.append(some)
        except (ConnectionResetError, BrokenPipeError):
            pass
        finally:
            ours.close()
            status = process.wait(TIMEOUT)
        return Answer(b"".join(data), log.read_text(errors="replace"), status)
