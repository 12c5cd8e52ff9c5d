"""The signer: private keys in a process of their own, whatever becomes of it."""
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from frame.client import TLS12, TLS13, Tls, context, get
from frame.memory import found_in, key_secrets
from frame.wait import TIMEOUT, wait_until
from test_taken_worker import taken

pytestmark = pytest.mark.core

RSA_PSS_SHA256, RSA_PKCS1_SHA256, ECDSA_SHA256 = 0x0804, 0x0401, 0x0403


def shake_hands(port, versions=(TLS12, TLS13), **options):
    for version in versions:
        with Tls(port, tls=context(versions=version, **options), timeout=2 * TIMEOUT) as client:
            assert client.request(get("/", close=True)).status == 200


def signatures(proxy):
    return proxy.status()["signer"]["signatures"]


@pytest.mark.again
@pytest.mark.parametrize("crypto", ["openssl", "auto"])
@pytest.mark.parametrize("kind", ["rsa", "ec", "ec384"])
def test_no_private_key_is_in_a_workers_memory(start_proxy, origin, pki, full, kind, crypto):
    pairs = [getattr(pki, kind), pki.leaf(f"{kind}-next-{crypto}", **pki.KINDS[kind])]
    secrets = [key_secrets(pair.key) for pair in pairs]
    proxy = start_proxy(origin.address, pairs[0], crypto=crypto)
    (worker,), rounds = proxy.workers(), 250 if full else 5
    for turn in range(4):
        for _ in range(rounds):
            shake_hands(proxy.port)
        for one in secrets:
            assert found_in(worker, one) == set()
        assert found_in(proxy.signer(), secrets[turn % 2])
        pairs[(turn + 1) % 2].install(proxy.cert, proxy.key)
        proxy.reload()
    assert proxy.workers() == [worker]
    assert signatures(proxy) >= 4 * 2 * rounds


def test_without_a_signer_the_search_finds_the_key_in_the_worker(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, signer="off")
    shake_hands(proxy.port)
    assert found_in(proxy.workers()[0], key_secrets(pki.rsa.key))
    assert proxy.children("signer") == [] and proxy.status()["signer"] is None


@pytest.mark.sampled(3)
@pytest.mark.parametrize("crypto", ["openssl", "auto"])
@pytest.mark.parametrize("kind", ["rsa", "rsa3072", "rsa_pss", "ec", "ec384", "ec521",
                                  "ed25519", "ed448"])
def test_keys_of_every_kind_sign(start_proxy, origin, pki, kind, crypto):
    proxy = start_proxy(origin.address, getattr(pki, kind), crypto=crypto)
    for version in TLS12, TLS13:
        # Python's own client does not offer RSA-PSS keys and Ed448 everywhere.
        offered = "-tls1_2" if version == TLS12 else "-tls1_3"
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", offered,
             "-CAfile", pki.root.leaf, "-verify_return_error", "-brief"],
            input=b"", capture_output=True, timeout=60)
        assert b"Verification: OK" in done.stderr, (version, done.stderr)
    status = proxy.status()["signer"]
    assert status["signatures"] == 2 and status["refused"] == 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("scheme", ["rsa_pkcs1_sha256", "rsa_pss_rsae_sha384", "RSA+SHA512",
                                    "RSA+SHA1"])
@pytest.mark.parametrize("crypto", ["openssl", "auto"])
def test_every_padding_of_tls_1_2_is_the_signers(start_proxy, origin, pki, scheme, crypto):
    proxy = start_proxy(origin.address, crypto=crypto)
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_2",
         "-cipher", "DEFAULT@SECLEVEL=0", "-sigalgs", scheme,
         "-CAfile", pki.root.leaf, "-verify_return_error", "-brief"],
        input=b"", capture_output=True, timeout=60)
    status = proxy.status()["signer"]
    if scheme == "RSA+SHA1":  # our own security level has none
        assert status["signatures"] == 0
    else:
        assert b"Verification: OK" in done.stderr, done.stderr
        assert status["signatures"] == 1


def test_rsa_key_exchange_is_not_offered(start_proxy, origin):
    """It would have the key decrypt."""
    proxy = start_proxy(origin.address, ciphers="ALL")
    with pytest.raises(ssl.SSLError):
        shake_hands(proxy.port, [TLS12], ciphers="kRSA")
    shake_hands(proxy.port, [TLS12])


@pytest.mark.parametrize("ciphers, signer, words", [
    ("kRSA", "on", "no TLS 1.2 cipher for the keys of its certificates (RSA key exchange needs"),
    ("kRSA", "off", None),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "on", "no TLS 1.2 cipher for the keys"),
    ("kRSA:ECDHE-RSA-AES256-GCM-SHA384", "on", None)])
def test_ciphers_of_no_use_are_told(start_proxy, origin, ciphers, signer, words):
    """Every client of TLS 1.2 would be refused, and only it would say so."""
    proxy = start_proxy(origin.address, ciphers=ciphers, signer=signer)
    checked = " ".join(proxy.command("check", "-c", proxy.config).stdout.split())
    told = proxy.events("finding", id="no-usable-cipher")
    if words is None:
        assert not told and "no TLS 1.2 cipher for" not in checked
        shake_hands(proxy.port, [TLS12], ciphers=ciphers)
    else:
        assert words in told[0]["text"] and words in checked
        with pytest.raises(ssl.SSLError):
            shake_hands(proxy.port, [TLS12])


class Pending:
    """A handshake on a thread; ok() is its outcome."""

    def __init__(self, port):
        self.result = None
        self.thread = threading.Thread(target=self._run, args=(port,))
        self.thread.start()

    def _run(self, port):
        try:
            shake_hands(port, [TLS13])
            self.result = True
        except OSError as error:
            self.result = error

    def ok(self):
        self.thread.join()
        return self.result


@pytest.mark.parametrize("crypto", ["openssl", "auto"])
def test_a_killed_signer_is_replaced_and_nobody_notices(start_proxy, origin, crypto):
    proxy = start_proxy(origin.address, crypto=crypto, workers=2, handshake_timeout="60s")
    with Tls(proxy.port) as established:
        assert established.request(get("/")).status == 200
        for turn in range(3):
            before = proxy.children("signer")
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            pending = [Pending(proxy.port) for _ in range(8)]
            assert [one.ok() for one in pending] == [True] * 8
            assert established.request(get("/")).status == 200
            proxy.wait_for("signer_died", (turn + 1) * len(before))
    assert not set(proxy.children("signer")) & set(before)
    assert proxy.status()["signer"]["restarts"] == 3 * len(before)


def signers_for(proxy, workers):
    """How many there should be: one that makes batches is enough for all."""
    batches = proxy.status()["signer"]["crypto"].startswith("batched")
    return 1 if batches else min(workers, os.cpu_count())


def test_signers_are_as_many_as_workers_and_cpus(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=3)
    count = signers_for(proxy, 3)
    assert len(proxy.children("signer")) == count

    def each_has_signed():
        shake_hands(proxy.port)
        return all(one["signatures"] > 0 for one in proxy.status()["signer"]["processes"])

    wait_until(each_has_signed)
    status = proxy.status()["signer"]
    one_by_one = status["processes"]
    assert sorted(one["pid"] for one in one_by_one) == sorted(proxy.children("signer"))
    assert sum(one["signatures"] for one in one_by_one) == status["signatures"]
    assert sorted(one["worker"] for one in status["workers"]) == [0, 1, 2]
    assert status["answers"] and status["keys"] == 1
    text = proxy.command("status", "-c", proxy.config, check=0).stdout
    assert all(f"\n{one['signer']:<7} {one['pid']} " in text for one in one_by_one)


def test_a_killed_signer_parts_only_its_own_workers_from_it(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    if signers_for(proxy, 2) == 1:
        pytest.skip("one CPU, or batches: one signer serves both")
    first, second = (one["pid"] for one in proxy.status()["signer"]["processes"])
    os.kill(first, signal.SIGKILL)
    proxy.wait_for("signer_died")
    proxy.wait_for("signer_up", 3)
    for _ in range(8):
        assert Pending(proxy.port).ok() is True
    assert len(proxy.events("signer_gone")) == 1
    assert second in proxy.children("signer") and len(proxy.children("signer")) == 2


def test_two_signers_take_a_new_key_as_one(start_proxy, origin, pki):
    """Both workers show it, and none is asked for a key that its signer does not have."""
    proxy = start_proxy(origin.address, workers=2)
    for pair in pki.other, pki.rsa:
        pair.install(proxy.cert, proxy.key)
        proxy.reload()
        for _ in range(8):
            with Tls(proxy.port) as client:
                assert client.certificate() == pair.der()
    status = proxy.status()["signer"]
    assert status["refused"] == 0 and status["keys"] == 1


def test_handshakes_wait_for_a_stopped_signer(start_proxy, origin):
    proxy = start_proxy(origin.address)
    with Tls(proxy.port) as established:
        os.kill(proxy.signer(), signal.SIGSTOP)
        pending = Pending(proxy.port)
        assert established.request(get("/")).status == 200
        assert pending.result is None
        os.kill(proxy.signer(), signal.SIGCONT)
        assert pending.ok() is True


def test_a_signer_that_stays_stopped_is_replaced(start_proxy, origin):
    proxy = start_proxy(origin.address, handshake_timeout="60s")
    before = proxy.signer()
    os.kill(before, signal.SIGSTOP)
    assert Pending(proxy.port).ok() is True
    assert proxy.events("signer_killed", reason="does not answer its heartbeat")
    assert proxy.signer() != before


def test_a_handshake_that_waits_too_long_ends_by_its_deadline(start_proxy, origin):
    # Less than what a signer may be silent for, more than handshakes take on a busy machine.
    proxy = start_proxy(origin.address, handshake_timeout="2500ms")
    os.kill(proxy.signer(), signal.SIGSTOP)
    assert Pending(proxy.port).ok() is not True
    os.kill(proxy.signer(), signal.SIGCONT)
    shake_hands(proxy.port)


def test_a_reload_survives_the_signers_death(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    for pair in pki.other, pki.rsa3072, pki.rsa:
        pair.install(proxy.cert, proxy.key)
        os.kill(proxy.signer(), signal.SIGKILL)
        proxy.reload()
        with Tls(proxy.port) as client:
            assert client.certificate() == pair.der()
    assert proxy.status()["signer"]["keys"] == 1


def test_many_handshakes_while_it_is_killed_again_and_again(start_proxy, origin):
    # It dies young each time, by the first handshake, and its next start waits; so do handshakes.
    proxy = start_proxy(origin.address, workers=2, handshake_timeout="120s")
    over = threading.Event()

    def done():
        return len(proxy.events("state", **{"from": "handshake"}))

    def kill():
        while not over.is_set():
            seen, before = len(proxy.events("signer_up")), done()
            for pid in proxy.children("signer"):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(proxy.events("signer_up")) > seen, timeout=TIMEOUT)
            wait_until(lambda: over.is_set() or done() > before, timeout=TIMEOUT)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        for _ in range(5):
            pending = [Pending(proxy.port) for _ in range(10)]
            assert [one.ok() for one in pending] == [True] * 10
    finally:
        over.set()
        thread.join()


# --- a worker in somebody else's hands ------------------------------------------------------

def signers_channel(proxy, worker):
    """The worker's end of the channel to the signer: the other SOCK_SEQPACKET that it has."""
    def look():
        for fd in sorted(map(int, os.listdir(f"/proc/{worker}/fd"))):
            if fd > 3 and os.readlink(f"/proc/{worker}/fd/{fd}").startswith("socket:"):
                one = taken(worker, fd)
                if one.family == socket.AF_UNIX and one.type & 0xF == socket.SOCK_SEQPACKET:
                    return one
                one.close()
        return None

    return wait_until(look, "a channel to the signer")


def key_number(pair):
    from frame.pki import openssl
    import hashlib
    public = openssl("x509", "-in", pair.leaf, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    return int.from_bytes(hashlib.sha256(der).digest()[:8], "little")


def ask(number, identity, scheme, digest, urgent=False):
    return struct.pack("<QIHH", number, identity, scheme, len(digest) | urgent << 15) + digest


def answers(datagram):
    found = {}
    while datagram:
        identity, length = struct.unpack_from("<II", datagram)
        found[identity] = datagram[8:8 + length]
        datagram = datagram[8 + length:]
    return found


@pytest.mark.parametrize("number,scheme,digest", [
    (None, RSA_PKCS1_SHA256, b"\0" * 256), (None, RSA_PSS_SHA256, b""),
    (None, RSA_PSS_SHA256, b"x" * 31), (None, RSA_PKCS1_SHA256, b"x" * 33),
    (None, ECDSA_SHA256, b"x" * 32), (None, 0, b"x" * 32), (None, 0xFFFF, b"x" * 32),
    (12345, RSA_PSS_SHA256, b"x" * 32)],
    ids=["raw-block", "nothing", "short", "long", "other-kind", "no-scheme", "unknown-scheme",
         "no-such-key"])
def test_the_signer_signs_digests_of_a_scheme_and_nothing_else(
        start_proxy, origin, pki, number, scheme, digest):
    proxy = start_proxy(origin.address)
    worker = proxy.workers()[0]
    good = ask(key_number(pki.rsa), 8, RSA_PSS_SHA256, b"x" * 32)
    with signers_channel(proxy, worker) as channel:
        os.kill(worker, signal.SIGSTOP)  # or it would read the answer
        try:
            channel.setblocking(True)
            channel.send(ask(number or key_number(pki.rsa), 7, scheme, digest) + good)
            got = answers(channel.recv(65536))
        finally:
            os.kill(worker, signal.SIGCONT)
    assert got[7] == b"" and len(got[8]) == 256
    assert proxy.status()["signer"]["refused"] == 1


@pytest.mark.parametrize("words", [b"x", b"\xff" * 100, b"\0" * 40000],
                         ids=["short", "random", "too-many"])
def test_a_worker_that_says_nonsense_to_the_signer_is_ended(start_proxy, origin, words):
    proxy = start_proxy(origin.address)
    (worker,), signer = proxy.workers(), proxy.signer()
    with signers_channel(proxy, worker) as channel:
        channel.send(words)
    proxy.wait_for("worker_killed", reason="sends the signer what are no requests")
    proxy.wait_for("worker_up", count=2)
    assert proxy.signer() == signer
    shake_hands(proxy.port)


def fill(channel, datagram):
    """Sends until nothing more is taken for a while."""
    taken_at = time.monotonic()
    while time.monotonic() - taken_at < 0.3:
        try:
            channel.send(datagram)
            taken_at = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)


def test_a_worker_that_asks_for_too_much_holds_up_itself(start_proxy, origin, pki):
    # One more worker than signers: the first and the last have the same one.
    # The signatures that were asked for come first: on a busy machine a handshake waits for them.
    proxy = start_proxy(origin.address, workers=os.cpu_count() + 1, handshake_timeout="120s")
    pids = {one["worker"]: one["pid"] for one in proxy.status()["workers"]}
    greedy, polite = pids[0], pids[os.cpu_count()]
    number = key_number(pki.rsa)
    with signers_channel(proxy, greedy) as many, signers_channel(proxy, polite) as one:
        for worker in greedy, polite:
            os.kill(worker, signal.SIGSTOP)  # neither reads what comes for it
        try:
            many.setblocking(False)
            fill(many, b"".join(ask(number, i, RSA_PSS_SHA256, b"x" * 32, True)
                                for i in range(100)))
            one.settimeout(TIMEOUT)
            one.send(ask(number, 7, RSA_PSS_SHA256, b"x" * 32))
            assert len(answers(one.recv(65536))[7]) == 256
        finally:
            for worker in greedy, polite:
                os.kill(worker, signal.SIGCONT)
    status = proxy.status()["signer"]
    assert sum(one["over_quota"] for one in status["workers"]) > 0
    assert 0 < status["queue_peak"] <= 2 * 512  # of these two
    # One that was stopped for too long has been killed, and a client may have met it.
    wait_until(lambda: Pending(proxy.port).ok() is True, timeout=2 * TIMEOUT)
