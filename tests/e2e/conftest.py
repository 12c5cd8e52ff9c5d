"""Fixtures: certificates, the stand-in backend, the proxy; what every test stands on.

The programs come from the environment (./dev test sets it): WLBPROXY and ORIGIN.
"""
import os
import shutil

import pytest

from frame.backend import Backend
from frame.origin import Origin
from frame.pki import Pki
from frame.proxy import Proxy
from frame.xapi import Xapi

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also the long cases")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--full"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="only with --full"))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Lets a fixture's end know whether its test failed."""
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed


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
