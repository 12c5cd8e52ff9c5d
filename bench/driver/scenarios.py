"""The scenarios. Each is the arguments of the load generator, or a function."""
from dataclasses import dataclass, field

X25519 = ["--groups", "X25519"]


@dataclass
class Scenario:
    name: str
    title: str
    load: list = field(default_factory=list)
    certificate: str = "rsa"
    kind: str = "load"  # load, idle, reload, flood, workers, or a curve: see CURVES
    goal: float = None  # of the best peer's CPU per operation, at most
    resumes: bool = False
    workers: int = 1
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
    _xapi(1, 0.25),
    _xapi(16, 0.25),
    _xapi(64, 0.25),
    _full("full-1.2-rsa", "full TLS 1.2, RSA-2048, one request", "--tls", "1.2", *X25519,
          handshake="TLS 1.2, X25519, RSA"),
    _full("full-1.3-rsa", "full TLS 1.3, RSA-2048, one request", *X25519, goal=0.75,
          handshake="TLS 1.3, X25519, RSA"),
    # In TLS 1.2 the certificate's curve has to be among the client's groups (RFC 8422, 2.2).
    _full("full-1.2-ecdsa", "full TLS 1.2, ECDSA P-256, one request", "--tls", "1.2",
          "--groups", "X25519:P-256", certificate="ecdsa"),
    _full("full-1.3-ecdsa", "full TLS 1.3, ECDSA P-256, one request", *X25519,
          certificate="ecdsa", goal=0.8, handshake="TLS 1.3, X25519, ECDSA"),
    _full("resumed-1.2", "resumed TLS 1.2, one request", "--tls", "1.2", *X25519, "--resume",
          goal=0.9, resumes=True, handshake="TLS 1.2, resumed"),
    _full("resumed-1.3", "resumed TLS 1.3, one request", *X25519, "--resume", goal=0.75,
          resumes=True, handshake="TLS 1.3, X25519, resumed"),
    _full("keep-alive-small", "kept-alive requests, 600 bytes", "--keep-alive", goal=0.9),
    _full("keep-alive-16k", "kept-alive requests, 16 KB", "--keep-alive", "--path",
          "/?size=16384", "--reply", "16384", goal=0.95),
    # As many as their freed memory is more than an allocator keeps by itself.
    Scenario("keep-alive-16k-64", "kept-alive requests, 16 KB, 64 at a time",
             ["--keep-alive", "--path", "/?size=16384", "--reply", "16384",
              "--concurrency", "64"], goal=0.95),
    Scenario("reply-1m", "kept-alive requests, 1 MB",
             ["--keep-alive", "--path", "/?size=1000000", "--reply", "1000000",
              "--concurrency", "4"], goal=0.75),
    Scenario("idle", "idle kept-alive TLS connections", kind="idle"),
    Scenario("reload", "reload under full load", [*X25519, "--concurrency", "16"],
             kind="reload"),
    Scenario("flood", "a well-behaved client beside a handshake flood", kind="flood"),
    Scenario("two-workers", "two workers on two CPUs", [*X25519, "--concurrency", "32"],
             kind="workers", workers=2),
    Scenario("four-workers", "four workers on four CPUs", [*X25519, "--concurrency", "64"],
             kind="workers", workers=4),
    Scenario("chains", "chains of 1 to 5 certificates", [*X25519, "--concurrency", "16"],
             kind="chains"),
    Scenario("services", "1 to 1,000 services on one address",
             [*X25519, "--concurrency", "16"], kind="services"),
    Scenario("idle_beside", "requests beside 1 to 10,000 idle connections",
             ["--keep-alive", "--concurrency", "16"], kind="idle_beside"),
    Scenario("busy", "requests of 1 to 9,500 busy connections", ["--keep-alive"], kind="busy"),
    Scenario("bodies", "replies of 1 KB to 100 MB", ["--keep-alive", "--concurrency", "4"],
             kind="bodies"),
    Scenario("reload_services", "CPU of a reload with 1 to 1,000 services under load",
             [*X25519, "--concurrency", "4"], kind="reload_services"),
]

BY_NAME = {scenario.name: scenario for scenario in ALL}
