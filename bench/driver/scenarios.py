"""The scenarios. Each is the arguments of the load generator, or a function."""
from dataclasses import dataclass, field

X25519 = ["--groups", "X25519"]


@dataclass
class Goal:
    """The most that a figure of ours may be of the best peer's."""

    default: float  # of the installed peers, by the default engine
    native: float  # of all peers, by the native engine
    newer: float = None  # as default, where the installed peers have OpenSSL 3.5

    def of(self, is_native, openssl):
        if is_native:
            return self.native
        return self.newer if self.newer and openssl >= (3, 5) else self.default


@dataclass
class Scenario:
    name: str
    title: str
    load: list = field(default_factory=list)
    certificate: str = "rsa"
    kind: str = "load"  # load, idle, reload, flood, workers, or a curve: see curves.py
    goal: Goal = None
    resumes: bool = False
    workers: int = 1
    rounds: int = None  # not more than so many: the rest would tell nothing new
    handshake: str = None  # as bench/handshake_floor.c calls it

    @property
    def concurrency(self):
        if "--concurrency" not in self.load:
            return 1
        return int(self.load[self.load.index("--concurrency") + 1])

    @property
    def tries_to_saturate(self):
        return self.concurrency > 1


def _xapi(concurrency, goal):
    return Scenario(f"xapi-{concurrency}", f"XenServer's client, {concurrency} at a time",
                    ["--xapi", "--concurrency", str(concurrency)], goal=goal,
                    handshake="xapi (TLS 1.2, P-384, RSA)")


def _full(name, title, *load, certificate="rsa", goal=None, resumes=False, handshake=None):
    return Scenario(name, title, [*load, "--concurrency", "16"], certificate, goal=goal,
                    resumes=resumes, handshake=handshake)


ALL = [
    _xapi(1, Goal(0.25, 0.80, 0.50)),
    _xapi(16, Goal(0.20, 0.50, 0.40)),
    _xapi(64, Goal(0.20, 0.45, 0.40)),
    _full("full-1.2-rsa", "full TLS 1.2, RSA-2048, one request", "--tls", "1.2", *X25519,
          handshake="TLS 1.2, X25519, RSA"),
    _full("full-1.3-rsa", "full TLS 1.3, RSA-2048, one request", *X25519,
          goal=Goal(0.60, 0.50), handshake="TLS 1.3, X25519, RSA"),
    # In TLS 1.2 the certificate's curve has to be among the client's groups (RFC 8422, 2.2).
    _full("full-1.2-ecdsa", "full TLS 1.2, ECDSA P-256, one request", "--tls", "1.2",
          "--groups", "X25519:P-256", certificate="ecdsa"),
    _full("full-1.3-ecdsa", "full TLS 1.3, ECDSA P-256, one request", *X25519,
          certificate="ecdsa", goal=Goal(0.80, 0.75), handshake="TLS 1.3, X25519, ECDSA"),
    _full("resumed-1.2", "resumed TLS 1.2, one request", "--tls", "1.2", *X25519, "--resume",
          goal=Goal(0.90, 0.80), resumes=True, handshake="TLS 1.2, resumed"),
    _full("resumed-1.3", "resumed TLS 1.3, one request", *X25519, "--resume",
          goal=Goal(0.75, 0.75), resumes=True, handshake="TLS 1.3, X25519, resumed"),
    _full("keep-alive-small", "kept-alive requests, 600 bytes", "--keep-alive",
          goal=Goal(0.85, 0.80)),
    _full("keep-alive-16k", "kept-alive requests, 16 KB", "--keep-alive", "--path",
          "/?size=16384", "--reply", "16384", goal=Goal(0.80, 0.75)),
    # As many as their freed memory is more than an allocator keeps by itself.
    Scenario("keep-alive-16k-64", "kept-alive requests, 16 KB, 64 at a time",
             ["--keep-alive", "--path", "/?size=16384", "--reply", "16384",
              "--concurrency", "64"], goal=Goal(0.80, 0.75)),
    Scenario("reply-1m", "kept-alive requests, 1 MB",
             ["--keep-alive", "--path", "/?size=1000000", "--reply", "1000000",
              "--concurrency", "4"], goal=Goal(0.70, 0.70)),
    Scenario("idle", "KB of memory, an idle kept-alive TLS connection", kind="idle", rounds=1,
             goal=Goal(1.0, 0.3)),
    Scenario("reload", "reload under full load", [*X25519, "--concurrency", "16"],
             kind="reload", rounds=1),
    Scenario("flood", "a well-behaved client beside a handshake flood", kind="flood", rounds=1),
    Scenario("two-workers", "two workers on two CPUs", [*X25519, "--concurrency", "32"],
             kind="workers", workers=2, rounds=2),
    Scenario("two-workers-xapi", "two workers on two CPUs, XenServer's client",
             ["--xapi", "--concurrency", "32"], kind="workers", workers=2, rounds=2),
    Scenario("four-workers", "four workers on four CPUs", [*X25519, "--concurrency", "64"],
             kind="workers", workers=4, rounds=2),
    Scenario("chains", "chains of 1 to 5 certificates", [*X25519, "--concurrency", "16"],
             kind="chains"),
    Scenario("services", "1 to 1,000 services on one address",
             [*X25519, "--concurrency", "16"], kind="services"),
    Scenario("worker_count", "1 to 4 workers", [*X25519, "--concurrency", "32"],
             kind="worker_count"),
    # Thousands of handshakes come before the first request: ECDSA, because it is the shorter way.
    Scenario("idle_beside", "requests beside 1 to 9,500 idle connections",
             ["--keep-alive", "--concurrency", "16"], "ecdsa", kind="idle_beside"),
    Scenario("busy", "requests of 1 to 9,500 busy connections", ["--keep-alive"], "ecdsa",
             kind="busy"),
    Scenario("handshakes", "1 to 1,000 handshakes at a time", [*X25519], kind="busy"),
    Scenario("bodies", "replies of 1 KB to 100 MB", ["--keep-alive", "--concurrency", "4"],
             kind="bodies"),
    Scenario("reload_services", "a reload with 1 to 1,000 services under load",
             [*X25519, "--concurrency", "4"], kind="reload_services"),
    Scenario("status_services", "`status` with 1 to 1,000 services", kind="status_services"),
]

BY_NAME = {scenario.name: scenario for scenario in ALL}
