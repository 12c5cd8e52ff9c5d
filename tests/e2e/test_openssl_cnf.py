"""The machine's openssl.cnf(5): what it demands of TLS holds with either engine.

Each proxy has a file of its own, where OpenSSL looks for the system's.
"""
import re
import ssl
import subprocess

import pytest

from frame.client import Tls, context, get
from frame.namespace import needs_namespace

pytestmark = needs_namespace
ENGINES = pytest.mark.parametrize("engine", ["openssl", "native"])
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def answer_all(talk):
    while talk.read_request()[0]:
        talk.send(OK)


@pytest.fixture
def start(start_proxy, backend, tmp_path):
    def begin(engine, *demands, **options):
        path = subprocess.run(["openssl", "version", "-d"], capture_output=True, text=True,
                              check=True).stdout.split('"')[1] + "/openssl.cnf"
        own = tmp_path / "openssl.cnf"
        own.write_text("\n".join(["openssl_conf = all", "[all]", "ssl_conf = ssl", "[ssl]",
                                  "system_default = demands", "[demands]", *demands, ""]))
        script = f'mount --bind "{own}" "$(realpath {path})" && exec "$@"'
        return start_proxy(backend(answer_all).address, tls_engine=engine,
                           wrapper=["unshare", "--mount", "sh", "-c", script, "sh"], **options)

    return begin


def is_served(proxy, version):
    try:
        with Tls(proxy.port, tls=context(versions=(version, version))) as client:
            return client.request(get("/")).status == 200
    except ssl.SSLError as refusal:
        assert "PROTOCOL_VERSION" in str(refusal), refusal
        return False


def engines_of_served(proxy):
    return set(re.findall(r"event=end .* engine=(\w+) requests=1 ", proxy.log_text()))


@ENGINES
def test_min_protocol_is_obeyed(start, engine):
    proxy = start(engine, "MinProtocol = TLSv1.3")
    assert is_served(proxy, TLS13) and not is_served(proxy, TLS12)
    proxy.reload()
    assert is_served(proxy, TLS13) and not is_served(proxy, TLS12)
    assert engines_of_served(proxy) == {engine}


@ENGINES
def test_max_protocol_is_obeyed(start, engine):
    proxy = start(engine, "MaxProtocol = TLSv1.2")
    assert is_served(proxy, TLS12) and not is_served(proxy, TLS13)


@ENGINES
def test_the_stricter_of_both_counts(start, engine):
    lax = start(engine, "MinProtocol = TLSv1", tls_min="1.3")
    assert is_served(lax, TLS13) and not is_served(lax, TLS12)


@ENGINES
def test_a_file_that_demands_less_changes_nothing(start, engine):
    proxy = start(engine, "MinProtocol = TLSv1")
    assert is_served(proxy, TLS13) and is_served(proxy, TLS12)
