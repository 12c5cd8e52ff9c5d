"""What is measured. Each scenario is the arguments of the load generator, or a function."""
from dataclasses import dataclass, field

X25519 = ["--groups", "X25519"]


@dataclass
class Scenario:
    name: str
    title: str
    load: list = field(default_factory=list)
    certificate: str = "rsa"
    kind: str = "load"  # load, idle, reload, flood, workers, chains, services, idle_beside
    goal: float = None  # of the best peer's CPU per operation, at most
    resumes: bool = False


def _xapi(concurrency, goal):
    return Scenario(f"xapi-{concurrency}", f"XenServer's client, {concurrency} at a time",
                    ["--xapi", "--concurrency", str(concurrency)], goal=goal)


def _full(name, title, *load, certificate="rsa", goal=None, resumes=False):
    return Scenario(name, title, [*load, "--concurrency", "16"], certificate, goal=goal,
                    resumes=resumes)


ALL = [
    _xapi(1, 1 / 2.5),
    _xapi(16, 1 / 6),
    _xapi(64, 1 / 6),
    _full("full-1.2-rsa", "full TLS 1.2, RSA-2048, one request", "--tls", "1.2", *X25519),
    _full("full-1.3-rsa", "full TLS 1.3, RSA-2048, one request", *X25519, goal=0.5),
    # In TLS 1.2 the certificate's curve has to be among the client's groups (RFC 8422, 2.2).
    _full("full-1.2-ecdsa", "full TLS 1.2, ECDSA P-256, one request", "--tls", "1.2",
          "--groups", "X25519:P-256", certificate="ecdsa"),
    _full("full-1.3-ecdsa", "full TLS 1.3, ECDSA P-256, one request", *X25519,
          certificate="ecdsa", goal=0.6),
    _full("resumed-1.2", "resumed TLS 1.2, one request", "--tls", "1.2", *X25519, "--resume",
          goal=0.7, resumes=True),
    _full("resumed-1.3", "resumed TLS 1.3, one request", *X25519, "--resume", goal=0.5,
          resumes=True),
    _full("keep-alive-small", "kept-alive requests, 600 bytes", "--keep-alive", goal=0.9),
    _full("keep-alive-16k", "kept-alive requests, 16 KB", "--keep-alive", "--path",
          "/?size=16384", "--reply", "16384", goal=0.8),
    # As many as their freed memory is more than an allocator keeps by itself.
    Scenario("keep-alive-16k-64", "kept-alive requests, 16 KB, 64 at a time",
             ["--keep-alive", "--path", "/?size=16384", "--reply", "16384",
              "--concurrency", "64"], goal=0.8),
    Scenario("reply-1m", "kept-alive requests, 1 MB",
             ["--keep-alive", "--path", "/?size=1000000", "--reply", "1000000",
              "--concurrency", "4"], goal=0.7),
    Scenario("idle", "idle kept-alive TLS connections", kind="idle"),
    Scenario("reload", "reload under full load", [*X25519, "--concurrency", "16"],
             kind="reload"),
    Scenario("flood", "a well-behaved client beside a handshake flood", kind="flood"),
    Scenario("two-workers", "two workers on two CPUs", [*X25519, "--concurrency", "32"],
             kind="workers"),
    Scenario("chains", "chains of 1 to 5 certificates", [*X25519, "--concurrency", "16"],
             kind="chains"),
    Scenario("services", "1 to 1,000 services on one address",
             [*X25519, "--concurrency", "16"], kind="services"),
    Scenario("idle_beside", "requests beside 1 to 10,000 idle connections",
             ["--keep-alive", "--concurrency", "16"], kind="idle_beside"),
]

BY_NAME = {scenario.name: scenario for scenario in ALL}
