"""The status page: what stands in it, and what a browser makes of it."""
import base64
import hashlib
import re
import socket
import time

import pytest

from frame.browser import PROGRAM, Browser
from frame.client import Tls, get
from frame.ports import free_port
from frame.wait import wait_until
from test_admin import Answer, ask, start_admin  # noqa: F401  (a fixture)

pytestmark = pytest.mark.xdist_group("browser")
SIZES = [(360, 800), (1440, 900)]

# The contrast of each text's colour to its background (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = one => { for (; one; one = one.parentElement) {
    const colour = parts(getComputedStyle(one).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour; } return [255, 255, 255]; };
  return [...document.querySelectorAll("h1, h2, p, span, summary, code")].filter(one => one.textContent.trim())
    .map(one => { const a = light(parts(getComputedStyle(one).color)), b = light(behind(one));
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent]; })
    .filter(one => one[0] < 4.5);
})()"""


def test_the_page_has_everything_within_it(start_admin):  # noqa: F811
    answer = Answer(start_admin().admin_port, "/")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.type == "text/html; charset=utf-8"
    for tag in "style", "script":
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    links = re.findall(r"""(?:https?:)?//[\w.]+[^\s"']*|(?:src|href)=\S+""", answer.text)
    assert set(links) == {"http://www.w3.org/2000/svg", 'href="data:,">'}
    assert "innerHTML" not in answer.text and "eval(" not in answer.text


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Its start is dear: who asks for it is in the xdist_group "browser"."""
    if not PROGRAM:
        pytest.skip("no chromium here")
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture
def browser(chromium):
    chromium.new_page()
    return chromium


def text(browser, id_):
    return browser.evaluate(f"document.getElementById('{id_}')?.innerText ?? ''")


def opened(browser, proxy, **how):
    browser.open(f"http://127.0.0.1:{proxy.admin_port}/", **how)
    wait_until(lambda: "generation" in text(browser, "about"), "the page shows the status", 60)
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", SIZES)
def test_it_can_be_read_on_each_screen(start_admin, browser, width, height, scheme):  # noqa: F811
    proxy = start_admin()
    opened(browser, proxy, width=width, height=height, scheme=scheme)
    assert text(browser, "state") == "serving"
    wait_until(lambda: "full" in text(browser, "handshakes"), "a chart is drawn", 60)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(CONTRAST) == []
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == {
        "light": "rgb(245, 246, 248)", "dark": "rgb(15, 19, 24)"}[scheme]
    assert browser.complaints == []


def test_its_values_change(start_admin, browser):  # noqa: F811
    proxy = start_admin()
    opened(browser, proxy)

    def seen():
        ask(proxy)
        return re.search(r"full (\d*\.?\d*[1-9])", text(browser, "handshakes"))

    wait_until(seen, "handshakes are drawn", 60)
    assert browser.evaluate("document.querySelector('#handshakes path').getAttribute('d')")
    wait_until(lambda: (ask(proxy), "ms" in text(browser, "latency"))[1], "latencies are", 60)
    with Tls(proxy.port) as client:
        client.request(get("/"))
        wait_until(lambda: "all 1" in text(browser, "connections"), "the connection is seen", 60)
    proxy.cert.write_text("nonsense")
    proxy.reload(check=1)
    wait_until(lambda: "refused" in text(browser, "reloads"), "the refusal is seen", 60)
    assert "server.pem" in text(browser, "reloads")
    assert browser.complaints == []


def test_it_tells_what_is_wrong(start_admin, browser, pki):  # noqa: F811
    proxy = start_admin(connect=f"127.0.0.1:{free_port()}", backend_retry_after="1h")
    assert ask(proxy) == 502
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"400" in client.recv(100)
    opened(browser, proxy)
    assert text(browser, "state") == "NOT READY: service wlb: no backend is up"
    assert "DOES NOT ACCEPT" in text(browser, "backends")
    assert re.search("Connection refused, since .*", text(browser, "backends"))
    proxy.command("backend", "wlb", "drain", "-c", proxy.config, check=0)
    wait_until(lambda: "drained" in text(browser, "backends"), "the drain is seen", 60)
    assert "handshake: plain-http" in text(browser, "errors")
    assert "reply: 5xx" in text(browser, "errors")
    assert re.search("accepts it|REFUSES IT", text(browser, "xenserver"))
    proxy.stop()
    wait_until(lambda: "no answer at" in text(browser, "state"), "the end is seen", 60)


def test_it_tells_who_was_denied(start_admin, browser):  # noqa: F811
    proxy = start_admin(deny="127.0.0.1")
    with pytest.raises(OSError):
        ask(proxy)
    opened(browser, proxy)
    wait_until(lambda: "DENIED" in text(browser, "errors"), "the denial is seen", 60)
    assert f"{proxy.config}:" in text(browser, "errors")
    assert 'has "deny = 127.0.0.1": to let it in, change that line' in text(browser, "errors")
    assert browser.complaints == []


def test_it_tells_that_a_worker_is_full(start_admin, browser):  # noqa: F811
    proxy = start_admin(max_connections=2, max_connections_per_source=0)
    with socket.create_connection(("127.0.0.1", proxy.port)), \
            socket.create_connection(("127.0.0.1", proxy.port)):
        opened(browser, proxy)
        wait_until(lambda: "FULL" in text(browser, "backends"), "it is seen", 60)
    assert "raise max_connections" in text(browser, "backends")
    assert browser.complaints == []


def test_it_can_be_used_with_the_keyboard(start_admin, browser):  # noqa: F811
    opened(browser, start_admin())
    wait_until(lambda: "full" in text(browser, "handshakes"), "a chart is drawn", 60)
    for _ in range(20):
        browser.press("Tab")
        if browser.evaluate("document.activeElement.tagName") == "svg":
            break
    assert browser.evaluate("document.activeElement.getAttribute('aria-label')").startswith(
        "Handshakes a second: full")
    wait_until(lambda: (browser.press("ArrowLeft"),
                        re.search(r", \d+:\d\d", text(browser, "handshakes")))[1],
               "the cursor tells its time", 60)
    assert browser.evaluate("document.querySelectorAll('#handshakes .cursor').length") == 1


def test_the_bar_turns_amber_and_red(start_admin, browser):  # noqa: F811
    opened(browser, start_admin())
    for days, left, kind in [(365, 300, "good"), (365, 20, "fair"), (365, 5, "bad"),
                             (30, 20, "good"), (30, 8, "fair"), (30, -1, "bad")]:
        now = time.time()
        iso = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + left * 86400 + more))
               for more in (-days * 86400, 0)]
        bar = browser.evaluate(f"""(() => {{ const made = certificate({{name: "a"}},
            {{not_before: "{iso[0]}", not_after: "{iso[1]}"}}).querySelector("progress");
            return [made.className, made.value]; }})()""")
        assert bar[0] == kind and abs(bar[1] - max(0, left / days)) < 0.01, (days, left, bar)
