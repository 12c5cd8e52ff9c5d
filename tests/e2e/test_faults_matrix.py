"""Every system call failing, at every moment of a service's life (strace -e inject).

After each failure the service answers correctly, never shows a certificate that was not
installed, never ends a cut reply as if it were whole, does not hang, and loses a worker at most. `--full` runs the whole matrix.
"""
import contextlib
import os
import signal
import subprocess

import pytest

from frame import strace
from frame.client import TLS12, TLS13, Tls, context, get
from frame.origin import filler
from frame.wait import wait_until

pytestmark = pytest.mark.skipif(not strace.is_possible(), reason="needs strace and its rights")

SIZE = 30000
WORKER = {
    "epoll_ctl": "ENOMEM ENOSPC", "epoll_wait,epoll_pwait": "EINTR ENOMEM",
    "recvfrom": "EINTR EAGAIN ENOMEM ENOBUFS ECONNRESET EIO",
    "sendto": "EINTR EAGAIN EPIPE ECONNRESET ENOBUFS ENOMEM EIO",
    "accept4": "EINTR EMFILE ENFILE ENOMEM ENOBUFS ECONNABORTED EIO EBADF",
    "socket": "EMFILE ENFILE ENOMEM ENOBUFS EACCES",
    "connect": "EINTR EAGAIN ENOMEM ECONNREFUSED ECONNRESET ENOBUFS",
    "close": "EINTR EIO", "shutdown": "ENOTCONN ENOBUFS", "brk,mmap": "ENOMEM",
    "getsockopt": "ENOMEM ENOBUFS", "setsockopt": "ENOMEM EINVAL", "ioctl": "EIO ENOTTY",
    "recvmsg": "EINTR ENOMEM EMFILE EIO", "writev": "EINTR EAGAIN EPIPE ENOBUFS ENOMEM",
    "write": "EINTR EAGAIN ENOSPC EIO EPIPE", "getrandom": "EINTR EAGAIN", "munmap": "ENOMEM",
    "mprotect,mremap,madvise": "ENOMEM", "fcntl": "ENOMEM EBADF", "fstat,newfstatat": "ENOMEM",
}
MASTER = {
    "epoll_ctl": "ENOMEM ENOSPC", "epoll_wait,epoll_pwait": "EINTR ENOMEM",
    "read": "EINTR EAGAIN EIO ENOMEM", "write": "EINTR EAGAIN ENOSPC EIO EPIPE",
    "writev": "EINTR ENOBUFS ENOMEM", "readv,pread64": "EINTR EIO",
    "recvmsg": "EINTR EAGAIN ENOMEM EMFILE EIO",
    "sendmsg": "EINTR EAGAIN ENOMEM ENOBUFS ETOOMANYREFS EPIPE",
    "recvfrom": "EINTR ENOMEM ECONNRESET", "sendto": "EINTR ENOBUFS EPIPE ECONNREFUSED",
    "accept4": "EINTR EMFILE ENFILE ENOMEM ECONNABORTED", "openat": "EINTR EMFILE ENFILE EIO ENOMEM",
    "socket": "EMFILE ENFILE ENOMEM", "socketpair": "EMFILE ENFILE ENOMEM", "connect": "EINTR ENOMEM",
    "bind,listen": "ENOMEM EADDRINUSE", "close": "EINTR EIO", "brk,mmap": "ENOMEM",
    "mlock,madvise,mprotect,mremap,munmap": "ENOMEM", "clone,clone3,vfork,fork": "EAGAIN ENOMEM",
    "execve": "ENOMEM EMFILE EIO", "wait4": "EINTR", "memfd_create": "EMFILE ENFILE ENOMEM",
    "ftruncate,fallocate": "ENOSPC EIO", "dup,dup2,dup3": "EMFILE", "fcntl": "EMFILE ENOMEM EINTR",
    "ioctl": "EIO", "getsockopt,setsockopt": "ENOMEM", "getsockname,getpeername": "ENOBUFS",
    "inotify_init1,inotify_add_watch": "EMFILE ENOSPC ENOMEM", "pipe2,eventfd2": "EMFILE ENFILE",
    "fstat,newfstatat,statx": "EIO ENOMEM", "readlink": "EIO ENOMEM", "lseek": "EINVAL",
    "unlink,unlinkat": "EIO EROFS", "chmod,fchmod,fchmodat": "EPERM EIO", "rename": "EIO",
    "fsync,fdatasync": "EIO ENOSPC", "getrandom": "EINTR EAGAIN", "signalfd4": "EMFILE ENOMEM",
    "kill": "EPERM", "sysinfo,sched_getaffinity,prlimit64": "EPERM", "umask,getcwd": "ENOMEM",
    "nanosleep,clock_nanosleep": "EINTR",
    "timerfd_create,timerfd_settime": "EMFILE ENOMEM", "mmap": "ENOMEM", "prctl": "EPERM",
}
CALLS_TO_TALK = ("accept4", "epoll_ctl", "epoll_wait,epoll_pwait", "sendmsg", "writev", "recvmsg")
CALLS_TO_SPAWN = ("clone,clone3,vfork,fork", "socketpair")
WHEN = ["1", "2", "3", "5", "8", "13", "21", "1+", "2+3", "3..6"]

# The representative few for every day. Nobody gets an answer while nothing can be sent:
MUTE = pytest.param("sendto:error=EAGAIN:when=1+", marks=pytest.mark.lengthy)
CORE_WORKER = [
    "epoll_ctl:error=ENOMEM:when=3+4", "epoll_wait,epoll_pwait:error=ENOMEM:when=2+3",
    "recvmsg:error=EIO:when=1+2", "writev:error=ENOBUFS:when=1..3", "brk,mmap:error=ENOMEM:when=1+2",
    MUTE, "write:error=EIO", "connect:error=EAGAIN:when=2+3", "ioctl:error=EIO"]
CORE_MASTER = [
    "epoll_ctl:error=ENOMEM:when=1..5", "epoll_ctl:error=ENOMEM:when=1..50",
    "epoll_ctl:error=ENOSPC:when=2+2",
    "epoll_wait,epoll_pwait:error=ENOMEM:when=1+2", "read:error=EIO:when=1+",
    "read:error=EIO:when=2..4", "write:error=EIO", "recvmsg:error=EIO:when=2+4",
    "sendmsg:error=EAGAIN:when=2+3", "sendmsg:error=EPIPE:when=2+3",
    "clone,clone3,vfork,fork:error=EAGAIN:when=1..2", "openat:error=EMFILE:when=3+5",
    "pipe2,eventfd2:error=EMFILE", "brk,mmap:error=ENOMEM:when=1+3", "close:error=EIO:when=1+2",
    "fcntl:error=ENOMEM:when=1+2"]


def is_survivable(call, error, when):
    """A process whose calls are interrupted for ever, or fail for ever, cannot work."""
    return when != "1+" or (error != "EINTR" and call not in CALLS_TO_TALK)


def every(table):
    return [f"{call}:error={error}:when={when}" for call, errors in table.items()
            for error in errors.split() for when in WHEN if is_survivable(call, error, when)]


def pytest_generate_tests(metafunc):
    """The thousands of --full are no tests at all without it: each process would collect them."""
    worker = metafunc.function is test_a_worker
    faults = [*CORE_WORKER] if worker else [*CORE_MASTER]
    if metafunc.config.getoption("--full"):
        faults += [one for one in every(WORKER if worker else MASTER) if one not in faults]
    metafunc.parametrize("fault", faults)


# --- what is asked meanwhile and afterwards ---------------------------------------------------


class Watcher:
    """Asks, and objects to answers that nobody may get. Lost connections are only counted."""

    def __init__(self, port, certificates):
        self.port, self.certificates, self.lost = port, certificates, 0

    def ask(self, versions=TLS13, mode="length", timeout=12):
        """True: the whole answer came. None: visibly not."""
        try:
            with Tls(self.port, tls=context(versions=versions), timeout=timeout) as client:
                assert client.certificate() in self.certificates, "a certificate nobody installed"
                client.send(get(f"/?size={SIZE}&mode={mode}", close=True))
                data, end = client.read_to_end()
        except TimeoutError:
            raise AssertionError("hangs") from None
        except OSError:
            self.lost += 1
            return None
        return self.judge(data, end)

    def judge(self, data, end):
        head, _, body = data.partition(b"\r\n\r\n")
        if end != "close_notify":
            self.lost += 1
            return None
        if not data:
            return None
        status = int(head.split()[1])
        if status == 200:
            assert b"chunked" in head.lower() or body == filler(SIZE), "cut, and looks whole"
            assert b"chunked" not in head.lower() or body.endswith(b"\r\n0\r\n\r\n"), "cut chunks"
            return True
        assert status in (408, 500, 502, 503, 504), head
        return None

    def ask_all(self):
        return [self.ask(versions, mode) for versions in (TLS12, TLS13)
                for mode in ("length", "close")]

    def insist(self):
        wait_until(lambda: self.ask() is True, "it serves again", 40)
        assert self.ask(TLS12, "close") and self.ask(TLS13, "chunked")


@contextlib.contextmanager
def survived(proxy, pki):
    """The other half of every test: whole afterwards, and still able to change."""
    watcher = Watcher(proxy.port, [pki.rsa.der(), pki.other.der()])
    yield watcher
    assert proxy.process.poll() is None, "the master has ended"
    watcher.insist()
    pki.rsa.install(proxy.cert, proxy.key)
    wait_until(lambda: proxy.reload(check=None).returncode == 0, "a reload works again", 40)
    watcher.certificates = [pki.rsa.der()]
    watcher.insist()
    wait_until(lambda: len(proxy.workers()) == 1)


def reload_with_another(proxy, pki, watcher):
    """The verdict agrees with what is served."""
    pki.other.install(proxy.cert, proxy.key)
    done = proxy.command("reload", "-c", proxy.config, timeout=60)
    assert done.returncode in (0, 1, 2), done
    if done.returncode == 0 and "cannot" not in done.stderr:
        watcher.certificates = [pki.other.der()]
    watcher.ask()
    watcher.certificates = [pki.rsa.der(), pki.other.der()]


# --- while it serves --------------------------------------------------------------------------


def test_a_worker(start_proxy, origin, pki, fault):
    proxy = start_proxy(origin.address, response_timeout="3s", handshake_timeout="3s",
                        linger_timeout="1s")
    with survived(proxy, pki) as watcher:
        with strace.Injection(proxy.workers()[0], fault):
            watcher.ask_all()
            reload_with_another(proxy, pki, watcher)
            watcher.ask_all()
            proxy.signal(signal.SIGUSR1)
            watcher.ask()


def kill_workers(proxy):
    """Until another is there and says so itself, or it is told that there can be none;
    but a master whose every call fails may hear of nothing and say nothing."""
    def outcomes():
        return len(proxy.events("confined")) + len(proxy.events("worker_not_started"))

    before = outcomes()
    for worker in proxy.workers():
        os.kill(worker, signal.SIGKILL)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: outcomes() > before, timeout=2)


def test_the_master(start_proxy, origin, pki, fault):
    """Reload, logs, status, a worker that dies: all that the master does while it serves."""
    proxy = start_proxy(origin.address, response_timeout="3s", watch="on")
    with survived(proxy, pki) as watcher:
        with strace.Injection(proxy.pid, fault, follow=False):
            reload_with_another(proxy, pki, watcher)
            proxy.signal(signal.SIGUSR1)
            proxy.signal(signal.SIGHUP)
            proxy.command("status", "-c", proxy.config, timeout=60)
            kill_workers(proxy)
        watcher.ask()


# --- when it ends, begins, and is replaced ----------------------------------------------------


def test_the_end(start_proxy, origin, pki, fault):
    """TERM under a fault: the answer under way is finished, and the process ends."""
    proxy = start_proxy(origin.address, drain_timeout="3s")
    watcher = Watcher(proxy.port, [pki.rsa.der()])
    with Tls(proxy.port) as client:
        client.send(get(f"/?size={SIZE}&delay=600", close=True))
        wait_until(lambda: proxy.status()["workers"][0]["counters"]["requests"] == 1)
        with strace.Injection(proxy.pid, fault, follow=False):
            proxy.signal(signal.SIGTERM)
            data, end = client.read_to_end()
            watcher.judge(data, end)
            client.close()
            proxy.expect_exit = proxy.wait_exit(30)
    assert proxy.expect_exit == 0


def test_the_beginning(start_proxy, origin, pki, fault, tmp_path):
    """It serves, or it says why not; it neither hangs nor crashes."""
    proxy = start_proxy(
        origin.address, wrapper=["strace", "-qq", "-o", str(tmp_path / "calls"), "-e",
                                 "trace=" + fault.split(":")[0], "-e", "signal=none", "-e",
                                 f"inject={fault}"], ready=False)
    if fault.split(":")[0] in CALLS_TO_SPAWN and fault.endswith("when=1+"):
        wait_until(lambda: len(proxy.events("worker_not_started")) > 2, "it says why, and tries on")
        proxy.kill_all()
        proxy.expect_exit = proxy.process.returncode
        return
    watcher = Watcher(proxy.port, [pki.rsa.der()])
    ready = lambda: any("READY=1" in one for one in proxy.read_notifications())
    wait_until(lambda: ready() or proxy.process.poll() is not None or works(watcher),
               "it serves or ends", 40)
    if proxy.process.poll() is None:
        watcher.insist()
        proxy.kill_all()
        proxy.expect_exit = proxy.process.returncode
        return
    proxy.expect_exit = proxy.process.returncode
    no_memory, no_words = "ENOMEM" in fault, fault.startswith(("write", "execve"))
    assert proxy.expect_exit > 0 or no_memory or no_words  # libuv itself, in one pipe
    assert proxy.log_text() or no_memory or no_words


def works(watcher):
    try:
        return watcher.ask() is True
    except OSError:
        return False


def test_a_replacement(start_proxy, origin, pki, fault):
    """USR2 under a fault: the successor serves, or the old one goes on."""
    proxy = start_proxy(origin.address, drain_timeout="3s")
    watcher = Watcher(proxy.port, [pki.rsa.der()])
    with strace.Injection(proxy.pid, fault, follow=False):
        proxy.signal(signal.SIGUSR2)
        decided = lambda: proxy.events("upgraded") or proxy.events("upgrade_failed")
        with contextlib.suppress(AssertionError):
            wait_until(decided, timeout=4)
        watcher.ask_all()
    watcher.insist()
    successors = {int(event["pid"]) for event in proxy.events("starting")[1:]}
    if proxy.process.poll() is None:
        successors.update(proxy.workers())  # among them one that has not said so yet
        proxy.signal(signal.SIGKILL)
    for pid in successors:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    proxy.process.wait(20)
    proxy.expect_exit = proxy.process.returncode
