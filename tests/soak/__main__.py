"""soak - load, reloads, faults and attacks, all at once, for some minutes; then a verdict.

usage: python3 tests/soak [MINUTES]

Two workers. One of them is killed or stopped now and then; the other one and the master
live through all of it, and their memory and descriptors are looked at. Exit status: 0
when nothing unexpected happened, 1 otherwise.
"""
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
sys.dont_write_bytecode = True

from actors import Attackers, Clients  # noqa: E402
from frame.origin import Origin  # noqa: E402
from frame.pki import Pki  # noqa: E402
from frame.proxy import Proxy  # noqa: E402
from frame.wait import wait_until  # noqa: E402
from tally import Costs, Tally  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"))
GROWTH_MOST = 1024  # KiB of the last quarter over the third
RELOAD_EVERY, FAULT_EVERY, WARM_UP = 2.0, 20.0, 10.0
SHORT = {"handshake_timeout": "3s", "head_timeout": "3s", "body_timeout": "3s",
         "idle_timeout": "5s", "linger_timeout": "1s", "response_timeout": "20s",
         "backend_keepalive": 8}


class Soak:
    def __init__(self, folder, origin, seconds):
        self.seconds, self.tally, self.over = seconds, Tally(), threading.Event()
        self.pki = Pki(folder)
        self.proxy = Proxy(str(BUILD / "wlbproxy"), folder / "proxy", self.pki.rsa,
                           origin.address, workers=2, log_level="warning", **SHORT)
        self.proxy.start()
        self.mortal, self.lasting = self.workers_by_slot()
        self.costs = Costs(self.proxy, self.lasting)
        self.threads, self.reloads, self.faults = [], 0, 0

    def workers_by_slot(self):
        workers = self.proxy.status()["workers"]
        return [one["pid"] for one in sorted(workers, key=lambda one: one["worker"])]

    # --- what goes on ------------------------------------------------------------------

    def _turns(self, name, turn, pause):
        while not self.over.wait(random.random() * 2 * pause):
            began = time.monotonic()
            try:
                turn()
                self.tally.ok(name, began)
            except Exception as error:  # pylint: disable=broad-except  # all of it counts
                self.tally.failed(name, began, error)

    def begin(self, name, turn, pause, times=1):
        for _ in range(times):
            thread = threading.Thread(target=self._turns, args=(name, turn, pause))
            thread.start()
            self.threads.append(thread)

    def begin_all(self):
        clients, attackers = (Clients(self.proxy.port, self.pki), Attackers(self.proxy.port))
        self.begin("small", clients.small, 0.02, 2)
        self.begin("xapi", clients.xapi, 0.05)
        self.begin("large", clients.large, 0.2)
        self.begin("kept alive", clients.kept_alive, 0.05)
        for name in ("silent", "half_hello", "slow_head", "slow_body"):
            self.begin(name, getattr(attackers, name), 0.1, 4)
        for name in ("garbage", "vanishing", "cut_reply", "nonsense", "plain"):
            self.begin(name, getattr(attackers, name), 0.2)
        self.begin("not_reading", attackers.not_reading, 0.5, 2)
        self.begin("reload", self.reload, RELOAD_EVERY)
        self.begin("fault", self.fault, FAULT_EVERY)

    def reload(self):
        """Mostly a good pair; sometimes one that must be refused; sometimes a signal."""
        self.reloads += 1
        if self.reloads % 7 == 0:
            self.proxy.key.write_text("no key\n")
            self.proxy.reload(check=1)
            self.pki.rsa.install(self.proxy.cert, self.proxy.key)
        random.choice([self.pki.rsa, self.pki.other]).install(self.proxy.cert, self.proxy.key)
        if self.reloads % 5 == 0:
            self.proxy.signal(signal.SIGHUP)
        else:
            self.proxy.reload()

    def fault(self):
        self.faults += 1
        (mortal, _) = self.workers_by_slot()
        kind = random.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
        self.tally.excuse_for(40, f"worker 0 had {kind.name}")
        os.kill(mortal, kind)

        def replaced():
            workers = {one["worker"]: one for one in self.proxy.status()["workers"]}
            return 0 in workers and workers[0].get("generation") and (
                workers[0].get("pid", mortal) != mortal)

        wait_until(replaced, "worker 0 is replaced", 30)
        self.tally.excuse_for(2, f"worker 0 had {kind.name}")

    # --- the verdict -------------------------------------------------------------------

    def quiet(self):
        wait_until(lambda: sum(one["connections"] for one in self.proxy.status()["workers"]) == 0,
                   "the last client has gone", 60)

    def run(self):
        warm = Clients(self.proxy.port, self.pki)
        for _ in range(20):
            warm.small()
        self.quiet()
        before = self.costs.descriptors()
        self.begin_all()
        end = time.monotonic() + self.seconds
        time.sleep(min(WARM_UP, self.seconds / 4))
        while time.monotonic() < end:
            self.costs.look()
            time.sleep(1)
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        self.quiet()
        wait_until(lambda: self.costs.descriptors()["worker"] <= before["worker"] + 8,
                   "idle backend connections have gone", 60)
        return self.verdict(before, self.costs.descriptors())

    def verdict(self, before, after):
        wrong = [f"{who}: {one}" for who, errors in sorted(self.tally.unexpected.items())
                 for one in errors]
        wrong += [f"{name} grew by {self.costs.growth(name)} KiB" for name in self.costs.rss
                  if self.costs.growth(name) > GROWTH_MOST]
        if after["master"] > before["master"]:
            wrong.append(f"the master's descriptors: {before['master']} -> {after['master']}")
        wrong += self.proxy.finish()
        print(f"reloads {self.reloads}, faults {self.faults}; turns:",
              ", ".join(f"{who} {n}" for who, n in sorted(self.tally.done.items())))
        print("expected errors:", dict(self.tally.expected) or "none")
        for line in [*self.tally.latency_lines(), *self.costs.lines()]:
            print(line)
        print(f"descriptors before {before}, after {after}")
        for one in wrong:
            print("UNEXPECTED", one)
        print(f"verdict: {'FAILED' if wrong else 'good'}, {len(wrong)} unexpected")
        return 1 if wrong else 0


def main(arguments):
    if len(arguments) > 1 or any(one.startswith("-") for one in arguments):
        print(__doc__.strip())
        return 0 if arguments in (["--help"], ["-h"]) else 2
    minutes = float(arguments[0]) if arguments else 10.0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o755)
    try:
        with Origin(str(BUILD / "origin")) as origin:
            status = Soak(folder, origin, minutes * 60).run()
        if status == 0:
            shutil.rmtree(folder)
        else:
            print(f"left for a look: {folder}")
        return status
    except KeyboardInterrupt:
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
