"""The expiry ladder of a running proxy: 30, 14, 7, 1 days, then each day; every member."""
import datetime

from frame.clock import Clock
from frame.pki import AUTHORITY
from test_reload import works

DAY = 86400


def day(days):
    """As `openssl ca` takes it: that many days from now."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


def chain_that_ends(pki, leaf, intermediate, name="ends"):
    issuer = pki.leaf(f"{name}-ca", issuer=pki.root, extensions=AUTHORITY, cn="Issuer", san=[],
                      start=day(-100), end=day(intermediate))
    return pki.leaf(name, issuer=issuer, cn="localhost", start=day(-100), end=day(leaf))


def told(proxy):
    """[(what, whose, days left, level)], in the log's order."""
    return [(one["event"].removeprefix("certificate_"), one["subject"].removeprefix("CN="),
             int(one["days_left"]), one["level"])
            for one in proxy.events()
            if one["event"] in ("certificate_expires", "certificate_expired")]


def test_each_threshold_is_told_once_while_the_proxy_runs(start_proxy, origin, pki, tmp_path):
    clock = Clock(tmp_path)
    proxy = start_proxy(origin.address, chain_that_ends(pki, leaf=31.5, intermediate=8.5),
                        environment=clock.environment)
    expected = [("expires", "Issuer", 8, "warning")]
    assert told(proxy) == expected
    for passed, news in [
            (1, []),
            (2, [("expires", "localhost", 29, "warning"), ("expires", "Issuer", 6, "error")]),
            (5, []),
            (8, [("expires", "Issuer", 0, "error")]),
            (9, [("expired", "Issuer", 0, "error")]),
            (9.2, []),
            (10, [("expired", "Issuer", -1, "error")]),
            (11, [("expired", "Issuer", -2, "error")]),
            (18, [("expires", "localhost", 13, "warning"),
                  ("expired", "Issuer", -9, "error")]),
            (31, [("expires", "localhost", 0, "error"),
                  ("expired", "Issuer", -22, "error")])]:
        clock.pass_by(passed * DAY)
        proxy.status()  # the master has gone round, its timers have run
        expected += news
        assert told(proxy) == expected, passed
    assert works(proxy.port)


def test_both_certificates_of_a_service_have_their_ladder(start_proxy, origin, pki, tmp_path):
    clock = Clock(tmp_path)
    rsa = chain_that_ends(pki, leaf=20.5, intermediate=200, name="dual-rsa")
    ec = pki.leaf("dual-ec", key="P-256", cn="ec.localhost", start=day(-100), end=day(14.5))
    ec_cert, ec_key = tmp_path / "ec.pem", tmp_path / "ec.key"
    ec.install(ec_cert, ec_key)
    proxy = start_proxy(origin.address, environment=clock.environment, pair=rsa,
                        extra=f"cert = {ec_cert}\nkey = {ec_key}\n")
    assert told(proxy) == [("expires", "localhost", 20, "warning"),
                           ("expires", "ec.localhost", 14, "warning")]
    clock.pass_by(DAY)
    proxy.status()
    assert told(proxy)[2:] == [("expires", "ec.localhost", 13, "warning")]


def test_a_renewed_certificate_ends_the_warnings(start_proxy, origin, pki, tmp_path):
    clock = Clock(tmp_path)
    proxy = start_proxy(origin.address, chain_that_ends(pki, leaf=2.5, intermediate=200),
                        environment=clock.environment)
    assert told(proxy) == [("expires", "localhost", 2, "error")]
    pki.rsa.install(proxy.cert, proxy.key)
    proxy.reload()
    clock.pass_by(3 * DAY)
    proxy.status()
    assert len(told(proxy)) == 1
