"""Fixtures: certificates, the stand-in backend, the proxy; what every test stands on.

The programs come from the environment (./dev test sets it): WLBPROXY and ORIGIN.
"""
import collections
import os
import pathlib
import shutil
import subprocess

import pytest

import bad_inputs
from frame.backend import Backend
from frame.origin import Origin
from frame.pki import Pki
from frame.ports import free_port, give_back
from frame.proxy import Proxy
from frame.xapi import Xapi

# The folder can be deleted.
NATIVE = pathlib.Path(__file__).resolve().parents[2] / "proxy/tls/native"

# The results of these depend on the TLS engine: they run with either. (test_misdirected and
# test_openssl_cnf name both themselves.)
TOUCH_TLS = {"test_access_log", "test_basic", "test_connection_ends", "test_endings",
             "test_faults_client", "test_floods", "test_interop", "test_interop_records",
             "test_names", "test_proxy_protocol", "test_reload", "test_service", "test_signer",
             "test_tcp", "test_tickets", "test_transfer", "test_trust", "test_xapi"}

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also the long cases")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    seen = collections.Counter()
    for item in items:
        if item.path.stem in TOUCH_TLS:
            item.add_marker(pytest.mark.tls)
        sampled = item.get_closest_marker("sampled")
        if sampled:
            if seen[item.path, item.originalname] % sampled.args[0]:
                item.add_marker(pytest.mark.again)
            seen[item.path, item.originalname] += 1
    items.sort(key=lambda item: item.get_closest_marker("lengthy") is None)
    if config.getoption("--full"):
        return
    short, long = [], []
    for item in items:
        (long if item.get_closest_marker("long") else short).append(item)
    config.hook.pytest_deselected(items=long)
    items[:] = short


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Lets a fixture's end know whether its test failed."""
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown():
    """After all fixtures: who listened on the test's ports has ended."""
    yield
    give_back()


@pytest.fixture(scope="session")
def full(request):
    return request.config.getoption("--full")


def program(variable, name):
    path = os.environ.get(variable) or os.path.join(REPOSITORY, "build", name)
    if not os.access(path, os.X_OK):
        pytest.fail(f"{variable}: {path} is not there; ./dev build makes it", pytrace=False)
    return path


@pytest.fixture(scope="session")
def wlbproxy():
    return program("WLBPROXY", "wlbproxy")


@pytest.fixture(scope="session")
def load():
    return program("LOAD", "load")


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def bad_rows(tmp_path_factory):
    """Dear to make: who asks for them is in the xdist_group "bad inputs"."""
    return bad_inputs.make_all(tmp_path_factory.mktemp("bad") / "files")


@pytest.fixture
def origin():
    with Origin(program("ORIGIN", "origin")) as origin:
        yield origin


@pytest.fixture
def backend():
    """backend(script) starts a scripted backend: see frame/backend.py."""
    started = []

    def start(script, **options):
        started.append(Backend(script, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def start_proxy(request, wlbproxy, pki, tmp_path):
    """start_proxy(connect, option=value...) starts one; see frame/proxy.py for options.

    At the end each is stopped by TERM, must exit with 0, and must not have written what a
    sanitizer or a failed assertion writes. On failure its log is shown.
    """
    started = []

    def start(connect, pair=None, program=wlbproxy, ready=True, **options):
        if options.get("tls_engine") == "native" and not NATIVE.is_dir():
            pytest.skip("this tree has no native engine")
        folder = tmp_path / f"proxy{len(started)}"
        proxy = Proxy(program, folder, pair or pki.rsa, connect, **options)
        started.append(proxy)
        proxy.start(ready)
        return proxy

    yield start
    complaints = []
    for proxy in started:
        complaints += proxy.finish()
        if complaints or getattr(request.node, "failed", False):
            print(f"--- {proxy.folder}/log\n{proxy.log_text()[-20000:]}")
    assert not complaints


@pytest.fixture(params=["openssl", "batched"])
def start(request, start_proxy, origin):
    """start(pair, option=value...) on either engine; batched where the CPU can."""
    def it(pair=None, **options):
        if request.param == "batched" and not can_batch:
            pytest.skip("no crypto_mb here, or no AVX-512 IFMA")
        return start_proxy(origin.address, pair, crypto=request.param, **options)

    can_batch = request.param != "batched" or _can_batch(request)
    return it


def _can_batch(request, known=[]):
    """Asked once: a proxy told to batch says at its start whether it can."""
    if not known:
        folder = request.getfixturevalue("tmp_path")
        config = folder / "can_batch.conf"
        pki = request.getfixturevalue("pki")
        config.write_text(f"crypto = batched\ncontrol = off\nworkers = 1\n[a]\n"
                          f"accept = 127.0.0.1:{free_port()}\ncert = {pki.rsa.cert}\n"
                          f"key = {pki.rsa.key}\n")
        process = subprocess.Popen(
            [request.getfixturevalue("wlbproxy"), "run", "-c", str(config)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "event=worker_up" in line or "crypto = batched is not possible" in line:
                known.append("event=worker_up" in line)
                break
        else:
            known.append(False)
        process.kill()
        process.communicate()
    return known[0]


@pytest.fixture
def proxy(start_proxy, origin):
    """The proxy with its defaults, one worker, before the stand-in backend."""
    return start_proxy(origin.address)


@pytest.fixture
def xapi(pki, tmp_path):
    """XenServer's client: one stunnel process per request."""
    if shutil.which("stunnel4") is None and shutil.which("stunnel") is None:
        pytest.fail("stunnel4 is not installed", pytrace=False)
    return Xapi(tmp_path, pki)
