"""Admission: allow and deny, paths, and logins that fail too often. All off by default."""
import pytest

from frame.client import Tls, get, parse_replies

pytestmark = pytest.mark.core

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def answer_all(talk):
    while talk.read_request()[0]:
        talk.send(OK)


def is_let_in(proxy, source, name="localhost"):
    try:
        with Tls(proxy.port, source=source, name=name) as client:
            request = get("/").replace(b"Host: localhost", b"Host: " + name.encode())
            return client.request(request).status == 200
    except (OSError, EOFError, AssertionError):
        return False


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_only_what_is_allowed_and_not_denied_comes_in(start_proxy, backend, protocol):
    proxy = start_proxy(backend(answer_all).address, protocol=protocol,
                        allow=["127.0.0.0/8", "::1"], deny=["127.0.0.64/26", "127.0.0.9"])
    assert is_let_in(proxy, "127.0.0.1") and is_let_in(proxy, "127.0.0.128")
    for source in ("127.0.0.9", "127.0.0.64", "127.0.0.127"):
        for _ in range(3):
            assert not is_let_in(proxy, source)
    assert len(proxy.events("refused", reason="denied")) == 3, "once for each source"
    assert not proxy.events("end", reason="denied")
    proxy.reload()  # the reload tries the served port from this machine
    proxy.write_config(allow="192.0.2.0/24", deny=None)
    proxy.reload()
    assert not is_let_in(proxy, "127.0.0.1")


def with_closed_service(start_proxy, backend, deny):
    """A proxy that has a second service on its address, for closed.example."""
    it = backend(answer_all)
    proxy = start_proxy(it.address)
    proxy.extra = (f"[closed]\naccept = 127.0.0.1:{proxy.port}\nconnect = {it.address}\n"
                   f"cert = {proxy.cert}\nkey = {proxy.key}\nsni = closed.example\n"
                   f"deny = {deny}\n")
    proxy.write_config()
    proxy.reload()
    return proxy


def test_where_services_share_an_address_each_has_its_own_rules(start_proxy, backend, pki):
    proxy = with_closed_service(start_proxy, backend, deny="127.0.0.5")
    assert is_let_in(proxy, "127.0.0.5") and is_let_in(proxy, "127.0.0.6", "closed.example")
    for _ in range(3):
        assert not is_let_in(proxy, "127.0.0.5", "closed.example")
    proxy.wait_for("end", reason="denied")
    assert len(proxy.events("end", reason="denied")) == 1


def test_one_denied_address_does_not_use_up_the_lines_of_others(start_proxy, backend):
    """A name has chosen the service: 60 attempts, of which one is logged."""
    proxy = with_closed_service(start_proxy, backend, deny="127.0.0.0/8")
    for _ in range(60):
        assert not is_let_in(proxy, "127.0.0.5", "closed.example")
    assert not is_let_in(proxy, "127.0.0.6", "closed.example")
    proxy.wait_for("end", count=2, reason="denied")
    assert [end["peer"].split(":")[0] for end in proxy.events("end", reason="denied")] == [
        "127.0.0.5", "127.0.0.6"]


def test_only_these_paths_and_methods_are_passed_on(start_proxy, backend):
    heads = []

    def script(talk):
        while head := talk.read_request()[0]:
            heads.append(head.split(b"\r\n")[0])
            talk.send(OK)

    proxy = start_proxy(backend(script).address, paths=["POST /Service", "GET,PUT /files/"])

    def ask(method, target, body=b""):
        with Tls(proxy.port) as client:
            return client.request(get(target, method=method, body=body, close=True), method)

    assert ask("POST", "/Service?x", b"hi").status == 200
    assert ask("GET", "/files/a").status == 200
    passed = len(heads)
    refused = ask("GET", "/Service")
    assert (refused.status, refused.field("Allow")) == (405, "POST")
    refused = ask("DELETE", "/files/a")
    assert (refused.status, refused.field("Allow")) == (405, "GET, PUT")
    for target in ("/", "/Services", "/Service/../admin", "/Service/%2e%2e/admin", "/files"):
        assert ask("POST", target, b"hi").status == 404, target
    assert len(heads) == passed, heads
    proxy.wait_for("end", count=5, reason="path_refused")
    with Tls(proxy.port) as client:  # the refusal costs nobody a connection
        assert client.request(get("/")).status == 404
        assert client.request(get("/Service")).field("Allow") == "POST"
        assert client.request(get("/files/a")).status == 200


def test_a_refused_request_behind_another_one_is_answered_once(start_proxy, backend):
    """It was parsed again for each refusal, until the worker was out of bytes and aborted."""
    proxy = start_proxy(backend(answer_all).address, paths="GET /files/")
    with Tls(proxy.port) as client:
        client.send(get("/files/a") + get("/") + get("/files/b", close=True))
        received, ended = client.read_to_end()
    replies, surplus = parse_replies(received, ("GET",) * 3)
    assert [reply.status for reply in replies] == [200, 404, 200]
    assert surplus == b"" and ended == "close_notify"
    assert not proxy.events("worker_died")


def test_a_source_that_fails_to_log_in_too_often_has_to_wait(start_proxy, backend):
    def script(talk):
        while head := talk.read_request()[0]:
            good = b"right" in head
            talk.send(OK if good else b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n")

    proxy = start_proxy(backend(script).address, auth_failures=5)

    def ask(source, *fields):
        with Tls(proxy.port, source=source) as client:
            return client.request(get("/", *fields, close=True))

    for _ in range(20):  # a challenge that nobody answered is no failure
        assert ask("127.0.0.5").status == 401
    for _ in range(5):
        assert ask("127.0.0.5", "Authorization: Basic wrong").status == 401
    limited = ask("127.0.0.5", "Authorization: Basic right")
    assert (limited.status, limited.field("Retry-After")) == (429, "60")
    assert ask("127.0.0.6", "Authorization: Basic right").status == 200
    proxy.wait_for("end", reason="auth_failures")


def test_without_rules_everything_is_as_before(start_proxy, backend):
    proxy = start_proxy(backend(answer_all).address)
    with Tls(proxy.port) as client:
        for _ in range(20):
            assert client.request(get("/a/../b%2e", "Authorization: Basic x")).status == 200
