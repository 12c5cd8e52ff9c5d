"""Other TLS libraries after the handshake, on both engines: bulk both ways, the end and the cut,
key updates, attempts to renegotiate.

Each client is a pipe: the bytes of a request in, those of the reply out.
"""
import hashlib
import shutil
import subprocess

import pytest

from frame.client import get
from frame.origin import filler

VERSIONS = ["1.2", "1.3"]

ERLANG = r"""
    {ok, _} = application:ensure_all_started(ssl),
    [Port, Ca, Version, Suites, In] = init:get_plain_arguments(),
    {ok, Request} = file:read_file(In),
    {ok, Tls} = ssl:connect({127, 0, 0, 1}, list_to_integer(Port), [binary, {active, false},
        {versions, [list_to_atom("tlsv" ++ Version)]}, {cacertfile, Ca},
        {verify, verify_peer}, {server_name_indication, "localhost"},
        {ciphers, [ssl:str_to_suite(Suite) || Suite <- string:tokens(Suites, ":")]}]),
    io:setopts(standard_io, [{encoding, latin1}]),
    Send = fun Send(<<Some:65536/binary, Rest/binary>>) -> ok = ssl:send(Tls, Some),
            Version == "1.3" andalso (ok = ssl:update_keys(Tls, read_write)), Send(Rest);
        Send(Last) -> ok = ssl:send(Tls, Last) end,
    Send(Request),
    Read = fun Read() -> case ssl:recv(Tls, 0) of
        {ok, Data} -> file:write(standard_io, Data), Read();
        {error, closed} -> halt(0, [{flush, true}]);
        {error, _} -> halt(1) end end,
    Read()."""


class Client:
    """Suites are by their OpenSSL names. `tells`: what it says of a cut, if it does."""

    size, tells = 3_000_000, None

    def __init__(self, folder, pki):
        self.folder, self.pki = folder, pki

    def exchange(self, port, version, suite, request):
        """The body of the reply, and what else was said."""
        with open(self.folder / "request", "wb+") as stdin:
            stdin.write(request)
            stdin.seek(0)
            done = subprocess.run([*map(str, self.command(port, version, suite))],
                                  stdin=stdin, capture_output=True, timeout=120,
                                  cwd=self.folder)  # where it may leave a crash dump
        _, _, body = done.stdout.partition(b"\r\n\r\n")
        return body, done.stderr.decode("latin-1")


class OpenSsl(Client):
    program, tells = "openssl", "unexpected eof"

    def command(self, port, version, suite):
        option = "-cipher" if version == "1.2" else "-ciphersuites"
        return ["openssl", "s_client", "-connect", f"localhost:{port}", "-quiet",
                "-CAfile", self.pki.root.leaf, "-verify_return_error",
                f"-tls{version.replace('.', '_')}", option, suite]


class GnuTls(Client):
    program, size = "gnutls-cli", 500_000  # it writes byte by byte

    def command(self, port, version, suite):
        cipher = "CHACHA20-POLY1305" if "CHACHA" in suite else \
            "AES-256-GCM" if "256" in suite.replace("SHA256", "") else "AES-128-GCM"
        return ["gnutls-cli", "localhost", "-p", port, "--x509cafile", self.pki.root.leaf,
                "--logfile", self.folder / "log", "--priority",
                f"NORMAL:-VERS-ALL:+VERS-TLS{version}:-CIPHER-ALL:+{cipher}"]


class Nss(Client):
    program = "tstclnt"
    numbers = {"ECDHE-RSA-AES128-GCM-SHA256": "C02F", "ECDHE-RSA-AES256-GCM-SHA384": "C030",
               "ECDHE-RSA-CHACHA20-POLY1305": "CCA8", "TLS_AES_128_GCM_SHA256": "1301",
               "TLS_AES_256_GCM_SHA384": "1302", "TLS_CHACHA20_POLY1305_SHA256": "1303"}

    def command(self, port, version, suite):
        return ["tstclnt", "-D", "-o", "-b", "-4", "-h", "localhost", "-p", port, "-V",
                f"tls{version}:tls{version}", "-c", f":{self.numbers[suite]}",
                "-A", self.folder / "request"]


class Erlang(Client):
    """Its TLS is its own; it changes keys with every 64 KiB it sends."""

    program = "erl"

    def command(self, port, version, suite):
        return ["erl", "-noinput", "-eval", ERLANG, "-extra", port, self.pki.root.leaf,
                version, suite, self.folder / "request"]


SUITES = {"1.2": ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                  "ECDHE-RSA-CHACHA20-POLY1305"],
          "1.3": ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                  "TLS_CHACHA20_POLY1305_SHA256"]}


@pytest.fixture(params=[OpenSsl, GnuTls, Nss, Erlang], ids=lambda it: it.program)
def client(request, tmp_path, pki):
    if shutil.which(request.param.program) is None:
        pytest.skip(f"{request.param.program} is not installed")
    return request.param(tmp_path, pki)


def post(body):
    return b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" \
           b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("version", VERSIONS)
def test_bulk_arrives_whole_both_ways_with_each_cipher(start, client, version):
    proxy, bulk = start(), filler(client.size)
    for suite in SUITES[version]:
        for way in "", "&mode=close":
            request = get(f"/?size={client.size}{way}", close=True)
            body, said = client.exchange(proxy.port, version, suite, request)
            assert body == bulk, (suite, way, said)
            assert client.tells is None or client.tells not in said
        body, said = client.exchange(proxy.port, version, suite, post(bulk))
        assert hashlib.sha256(bulk).hexdigest() in body.decode(), (suite, said)
    assert proxy.complaints() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_before_a_cut_are_right(start, client, version):
    proxy = start()
    request = get("/?size=3000000&cut=1000000", close=True)
    body, said = client.exchange(proxy.port, version, SUITES[version][0], request)
    assert body == filler(3000000)[:1000000]
    assert client.tells is None or client.tells in said


# --- commands of the clients that are typed --------------------------------------------------


class Typed:
    """A client that takes commands, a line each, and says when it has done one."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def type(self, text, answer):
        self.process.stdin.write(text)
        self.process.stdin.flush()
        said = b""
        for line in self.process.stdout:
            said += line
            if answer in line:
                return said
        raise AssertionError(f"never said {answer}: {said[-500:]}")

    def close(self):
        self.process.kill()
        self.process.communicate()


def typed(program, port, pki, version):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if program == "openssl":
        return Typed(["openssl", "s_client", "-connect", f"localhost:{port}",
                      "-CAfile", pki.root.leaf, f"-tls{version.replace('.', '_')}"])
    return Typed(["gnutls-cli", "localhost", "-p", port, "--x509cafile", pki.root.leaf,
                  "--inline-commands", "--priority",
                  f"NORMAL:-VERS-ALL:+VERS-TLS{version}"])


@pytest.mark.parametrize("program,command,answer,times", [
    ("openssl", b"K\n", b"KEYUPDATE", 20), ("openssl", b"k\n", b"KEYUPDATE", 20),
    # GnuTLS itself takes no more than eight answers in a second.
    ("gnutls-cli", b"^rekey^\n", b"Rekey was completed", 8),
    ("gnutls-cli", b"^rekey1^\n", b"Rekey was completed", 20)])
def test_keys_are_changed_when_the_client_likes(start, pki, program, command, answer, times):
    proxy = start()
    client = typed(program, proxy.port, pki, "1.3")
    for _ in range(times):
        client.type(command, answer)
    client.type(get("/?size=1000", close=True), filler(1000)[-20:])
    client.close()


def test_a_client_is_told_that_there_is_no_renegotiation(start, pki):
    proxy = start()
    client = typed("gnutls-cli", proxy.port, pki, "1.2")
    client.type(b"^renegotiate^\n", b"No renegotiation")
    client.close()
    assert proxy.complaints() == []
