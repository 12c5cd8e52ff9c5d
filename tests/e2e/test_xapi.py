"""XenServer's own client: every way it verifies, every kind of reply."""
import time

import pytest

from frame.client import Tls, context, TLS12
from frame.origin import filler
from frame.xapi import VERIFY, request_bytes

REPLIES = {
    "length": "/?size=20000",
    "chunked": "/?size=20000&mode=chunked",
    "close": "/?size=20000&mode=close",
    "100 first": "/?size=20000&first=100",
    "http/1.0": "/?size=20000&mode=close&old=1",
}


def installed(pki, mode):
    """The certificate that must be in the pool's store for that generation of host (XENSERVER
    §4)."""
    return pki.rsa.leaf if mode == "21.x" else pki.root.leaf


@pytest.mark.core
@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("mode", VERIFY)
def test_a_reply_is_read_whole(proxy, pki, xapi, mode, reply):
    answer = xapi.call(proxy.port, request_bytes(path=REPLIES[reply]), verify=mode,
                       ca=installed(pki, mode))
    assert answer.status == 200, answer.log
    assert answer.body == filler(20000)
    assert "transfer-encoding" not in answer.fields()
    assert "SSL_read:" not in answer.log and "unexpected eof" not in answer.log


@pytest.mark.core
def test_the_nine_methods_are_answered(proxy, xapi):
    for method in ("AddXenServer", "RemoveXenServer", "SetXenPoolConfiguration",
                   "GetXenPoolConfiguration", "VMGetRecommendations", "HostGetRecommendations",
                   "GetOptimizationRecommendations", "ExecuteReport", "GetDiagnostics"):
        answer = xapi.call(proxy.port, request_bytes(method))
        assert f"<{method}Result>".encode() in answer.body
        assert answer.body.endswith(b"</s:Envelope>")


def test_a_chain_that_does_not_lead_to_what_is_installed_is_refused(start_proxy, origin, pki,
                                                                    xapi):
    proxy = start_proxy(origin.address)
    for mode, ca in (("24.40", pki.other.leaf), ("24.40", pki.intermediate.leaf),
                     ("21.x", pki.root.leaf)):
        answer = xapi.call(proxy.port, verify=mode, ca=ca)
        assert answer.data == b"", (mode, ca)
    # The reason is in our log, in words (XENSERVER §4).
    proxy.wait_for("end", reason="handshake_failed", count=3)


def test_a_host_name_that_does_not_match_is_refused(start_proxy, origin, pki, xapi):
    proxy = start_proxy(origin.address, pair=pki.wrong_name)
    assert xapi.call(proxy.port, verify="24.40").data == b""


@pytest.mark.core
def test_an_address_as_host_and_sni_is_no_reason_to_refuse(proxy, xapi):
    for host in ("127.0.0.1", "fe80::1", "10.1.2.3"):
        answer = xapi.call(proxy.port, request_bytes(host=host, path="/?size=10"), host=host)
        assert answer.status == 200, answer.log


@pytest.mark.core
def test_three_megabytes_to_a_slow_reader_arrive_whole(proxy, xapi, full):
    request = request_bytes(path="/?size=3000000")
    for _ in range(20 if full else 3):
        answer = xapi.call(proxy.port, request, buffer=4096, chunk=4096,
                           before_reading=lambda: time.sleep(1.5))
        assert answer.body == filler(3000000)


@pytest.mark.core
def test_a_probe_opens_no_backend_connection_and_is_no_error(proxy, origin):
    tls = context(versions=TLS12, ciphers="ECDHE-RSA-AES256-GCM-SHA384", curve="secp384r1")
    before = origin.stats()["connections"]
    for _ in range(5):
        Tls(proxy.port, tls=tls).close()
    proxy.wait_for("end", reason="probe", count=5)
    assert origin.stats()["connections"] == before
    assert proxy.complaints() == []


def test_a_late_reply_is_waited_for(start_proxy, origin, xapi):
    proxy = start_proxy(origin.address, response_timeout="8s")
    answer = xapi.call(proxy.port, request_bytes(path="/?size=100&delay=4000"))
    assert answer.body == filler(100)


@pytest.mark.long
def test_a_reply_after_ten_minutes_arrives(proxy, xapi):
    answer = xapi.call(proxy.port, request_bytes(path="/?size=100&delay=610000"),
                       timeout=700)
    assert answer.body == filler(100)


@pytest.mark.core
def test_a_killed_client_ends_the_backends_request(proxy, origin, xapi):
    from frame.wait import wait_until
    process, ours, _ = xapi.start(proxy.port)
    ours.sendall(request_bytes(path="/?silent=1"))
    wait_until(lambda: origin.stats()["requests"] >= 1, "the request is there")
    process.kill()
    process.wait()
    ours.close()
    wait_until(lambda: origin.stats()["peer_ended"] + origin.stats()["vanished"] >= 1,
               "the backend is told")
    assert proxy.complaints() == []
