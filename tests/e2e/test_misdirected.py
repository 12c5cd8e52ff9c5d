"""Services that share an address and let in different clients: the server name of the
ClientHello chooses one of them, and a Host that another one serves is answered 421."""
import pytest

from frame.client import Tls, context, get

pytestmark = pytest.mark.core

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ENGINES = pytest.mark.parametrize("engine", ["openssl", "native"])


@pytest.fixture
def heads():
    return []


@pytest.fixture
def serve(start_proxy, backend, heads):
    """A proxy with the service [wlb] and a second one, which serves strict.test and
    *.strict.test; one backend has both."""

    def script(talk):
        while head := talk.read_request()[0]:
            heads.append(head)
            talk.send(OK)

    def start(second, engine="openssl", **first):
        it = backend(script)
        proxy = start_proxy(it.address, tls_engine=engine, **first)
        proxy.extra = (f"[strict]\naccept = 127.0.0.1:{proxy.port}\nconnect = {it.address}\n"
                       f"tls_engine = {engine}\ncert = {proxy.cert}\nkey = {proxy.key}\n"
                       f"sni = strict.test\nsni = *.strict.test\n{second}")
        proxy.write_config()
        proxy.reload()
        return proxy

    return start


def ask(proxy, name, host, version="1.1", target="/", tls=None):
    """The reply to one request for `host`, on a connection of its own for `name`."""
    field = f"Host: {host}\r\n" if host is not None else ""
    with Tls(proxy.port, tls=tls or context(), name=name) as client:
        return client.request(f"GET {target} HTTP/{version}\r\n{field}\r\n".encode())


def verify(pki):
    return f"verify = required\nca = {pki.root.leaf}\n"


@ENGINES
def test_no_host_leads_past_a_client_certificate(serve, heads, pki, engine):
    proxy = serve(verify(pki), engine)
    for name in ("localhost", None, "open.test"):
        for host in ("strict.test", "STRICT.test", f"strict.test:{proxy.port}", "strict.test.",
                     "strict.test...", "a.strict.test", "strict.test:", "strict.test.:"):
            reply = ask(proxy, name, host)
            assert (reply.status, reply.field("Cache-Control")) == (421, "no-store"), host
    assert ask(proxy, None, "strict.test", target="http://strict.test/").status == 421
    assert ask(proxy, None, None, "1.0", "http://strict.test:/").status == 421
    with Tls(proxy.port, tls=context()) as client:
        assert client.request(get("/")).status == 200
        late = get("/").replace(b"localhost", b"strict.test")
        assert client.request(late).status == 421, "each request is looked at"
    assert not any(b"strict.test" in head for head in heads)
    assert not proxy.complaints()


@ENGINES
def test_hosts_of_the_connections_own_service_are_served(serve, pki, engine):
    proxy = serve(verify(pki), engine)
    for host in ("localhost", "127.0.0.1", f"127.0.0.1:{proxy.port}", "[::1]", "x" * 300,
                 "a.b.strict.test", "xstrict.test"):
        assert ask(proxy, "localhost", host).status == 200, host
    assert ask(proxy, None, None, "1.0").status == 200
    tls = context()
    tls.load_cert_chain(pki.client.cert, pki.client.key)
    for host, status in (("strict.test", 200), ("b.strict.test", 200), ("open.test", 421),
                         ("127.0.0.1", 421)):
        assert ask(proxy, "strict.test", host, tls=tls).status == status, host
    assert ask(proxy, "strict.test", None, "1.0", tls=tls).status == 421, "as without a name"


@pytest.mark.parametrize("guard", [
    "deny = 127.0.0.9\n", "allow = 127.0.0.1\n", "paths = /Service\n", "auth_failures = 5\n"])
def test_no_host_leads_past_what_else_a_service_demands(serve, heads, guard):
    proxy = serve(guard)
    assert ask(proxy, "localhost", "strict.test").status == 421
    assert ask(proxy, "localhost", "open.test").status == 200
    assert len(heads) == 1


def test_services_that_demand_the_same_serve_each_others_hosts(serve, heads):
    proxy = serve("deny = 192.0.2.1\n", deny="192.0.2.1")
    assert ask(proxy, "localhost", "strict.test").status == 200
    assert ask(proxy, "strict.test", "open.test").status == 200
    assert len(heads) == 2
