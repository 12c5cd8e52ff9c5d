"""`migrate --takeover` and `--undo`: beside a real stunnel, each step failing, each interrupted."""
import itertools
import os
import select
import shutil
import signal
import sys

import pytest

from frame import columns
from frame.box import Box, needs_box
from frame.wait import TIMEOUT, wait_until

pytestmark = [needs_box, pytest.mark.skipif(shutil.which("stunnel") is None or
                                            shutil.which("ss") is None,
                                            reason="needs stunnel4 and iproute2")]
STEPS = {"record": 1, "configure": 2, "stop stunnel": 3, "start wlbproxy": 4, "the next boot": 5}

# Plays systemd's part: units are files in $STATE, each fault is a file of that name.
SYSTEMCTL = r"""#!/bin/sh
cd "$STATE" && echo "$*" >>calls
[ -e absent ] && exit 1
for unit; do :; done
start_stunnel() { [ ! -e stunnel-does-not-start ] && stunnel "$STUNNEL_CONF"; }
start_wlbproxy() {
	[ ! -e wlbproxy-does-not-start ] || return 1
	[ ! -e backend-dies ] || kill "$(cat backend.pid)"
	conf=$WLBPROXY_CONF
	if [ -e handshake-fails ]; then
		conf=$STATE/other.conf
		sed 's/^\[wlb\]/&\ngroups = X25519/' "$WLBPROXY_CONF" >"$conf"
	fi
	setsid "$WLBPROXY" run -c "$conf" </dev/null >>wlbproxy.log 2>&1 &
	echo $! >wlbproxy.pid
	until [ -S /run/wlbproxy/control.sock ]; do sleep 0.05; done
}
case $1,$unit in
list-units,*) [ ! -e stunnel.pid ] || echo "stunnel4.service loaded active running TLS" ;;
show,stunnel4.service) cat stunnel.pid ;;
show,wlbproxy.service)
	case $2 in
	*LoadState) echo loaded ;;
	*) echo "{ path=$WLBPROXY ; argv[]=$WLBPROXY run -c $WLBPROXY_CONF ; ignore_errors=no }" ;;
	esac ;;
is-enabled,*) [ -e "$unit.enabled" ] ;;
enable,*) touch "$unit.enabled" ;;
disable,*) rm -f "$unit.enabled" ;;
start,stunnel4.service) start_stunnel ;;
stop,stunnel4.service)
	[ ! -e stunnel-does-not-stop ] || exit 0
	kill "$(cat stunnel.pid)"
	while [ -e stunnel.pid ]; do sleep 0.05; done
	[ ! -e port-stays-held ] || { setsid "$PYTHON" port_owner.py >/dev/null 2>&1 & until [ -e held ]; do sleep 0.05; done; } ;;
start,wlbproxy.service) start_wlbproxy ;;
stop,wlbproxy.service) [ ! -e wlbproxy.pid ] || kill "$(cat wlbproxy.pid)" 2>/dev/null; rm -f wlbproxy.pid; true ;;
kill,wlbproxy.service) true ;;
*) exit 1 ;;
esac
"""
PORT_OWNER = """
import socket, time, pathlib
with socket.create_server(("127.0.0.1", 8012)):
    pathlib.Path("held").touch()
    time.sleep(8)
"""


class Appliance:
    """Stunnel with two services before two backends, as a process or as a unit."""

    def __init__(self, box, folder, pki, program, origin, by_units):
        self.box, self.folder, self.program = box, folder, program
        self.state, self.conf = folder / "state", folder / "stunnel.conf"
        self.ours, self.by_units = folder / "wlbproxy.conf", by_units
        self.record = folder / "wlbproxy.conf.takeover"
        (folder / "bin").mkdir()
        self.state.mkdir()
        for name, text in (("bin/systemctl", SYSTEMCTL), ("state/port_owner.py", PORT_OWNER)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        if not by_units:
            self.fault("absent")
        pki.rsa.install(folder / "server.pem", folder / "server.key")
        pair = f"cert = {folder}/server.pem\nkey = {folder}/server.key\n"
        self.conf.write_text(
            f"pid = {self.state}/stunnel.pid\noutput = {folder}/stunnel.log\n"
            f"[wlb]\naccept = 127.0.0.1:8012\nconnect = 127.0.0.1:8013\n{pair}"
            f"[rest]\naccept = 127.0.0.1:8443\nconnect = 127.0.0.1:8014\n{pair}")
        self.environment = {
            **os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "STATE": str(self.state),
            "WLBPROXY": program, "WLBPROXY_CONF": str(self.ours), "PYTHON": sys.executable,
            "STUNNEL_CONF": str(self.conf)}
        self.backends = [box.start(origin, "--port", port, stdout=-3) for port in (8013, 8014)]
        self.start_stunnel()

    def start_stunnel(self):
        if self.by_units:
            self.fault("stunnel4.service.enabled")
            self.systemctl("start", "stunnel4.service")
        else:
            self.box.run("stunnel", self.conf)
        self.is_before()

    def systemctl(self, *arguments):
        self.box.run(self.folder / "bin/systemctl", *arguments, env=self.environment)

    def fault(self, name):
        (self.state / name).touch()

    def mend(self, name):
        (self.state / name).unlink()

    def arguments(self, *arguments):
        return [self.program, "migrate", *arguments, "-c", self.ours]

    def call(self, *arguments, check=0, stdin=""):
        said = self.box.run(*self.arguments(*arguments), check=check, stdin=stdin,
                            env=self.environment, timeout=120)
        columns.check(arguments, said)
        return said

    def take_over(self, *more, check=0):
        return self.call("--takeover", "--yes", *more, self.conf, check=check)

    def undo(self, check=0):
        return self.call("--undo", "--yes", check=check)

    def calls(self):
        return (self.state / "calls").read_text().splitlines()

    def answers(self, port=8012):
        return self.box.run("curl", "-sk", "--max-time", TIMEOUT, "-o", "/dev/null", "-w",
                            "%{http_code}", f"https://127.0.0.1:{port}/", check=None)

    def is_served_by(self, name):
        for port in (8012, 8443):
            self.box.wait_port_owner(port, name)
            wait_until(lambda: self.answers(port) == "200", f"port {port} answers", TIMEOUT)

    def is_before(self, config=None):
        """Stunnel serves, wlbproxy does not run, its configuration is what it was."""
        self.is_served_by("stunnel")
        left = [name for name in os.listdir(self.folder) if name.startswith("wlbproxy.conf")]
        assert left == ([] if config is None else ["wlbproxy.conf"]), left
        if config is not None:
            assert self.ours.read_text() == config
        wait_until(lambda: not [
            one for one in self.box.run("ps", "-eo", "stat,comm").splitlines()
            if "wlbproxy" in one and not one.startswith("Z")], "wlbproxy has ended", TIMEOUT)
        if self.by_units:
            assert (self.state / "stunnel4.service.enabled").exists()
            assert not (self.state / "wlbproxy.service.enabled").exists()

    def is_taken_over(self):
        self.is_served_by("wlbproxy")
        if self.by_units:
            assert not (self.state / "stunnel4.service.enabled").exists()
            assert (self.state / "wlbproxy.service.enabled").exists()


KINDS = ["process", "units"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def appliance(kind, tmp_path, pki, wlbproxy):
    from conftest import program
    with Box() as box:
        yield Appliance(box, tmp_path, pki, wlbproxy, program("ORIGIN", "origin"),
                        kind == "units")


of_units = pytest.mark.parametrize("kind", ["units"], indirect=True)


def test_takeover_and_undo_in_turns(appliance, full):
    for i in range(10 if full else 2):
        config = None if i % 2 else f"; number {i}\nworkers = 1\n"
        if config is not None:
            appliance.ours.write_text(config)
        said = appliance.take_over()
        assert "DONE" in said and "step 5" in said
        appliance.is_taken_over()
        assert "since" in appliance.call("--takeover", appliance.conf)
        assert "UNDONE" in appliance.undo()
        appliance.is_before(config)
        appliance.ours.unlink(missing_ok=True)
    assert "nothing to undo" in appliance.undo(check=1)


def test_each_command_is_shown_and_nothing_is_done_without_a_yes(appliance):
    dry = appliance.call("--takeover", "--dry-run", appliance.conf)
    assert "nothing was changed" in dry and "1. record" in dry and "5. " in dry
    assert ("systemctl stop stunnel4.service" if appliance.by_units else "kill ") in dry
    assert ("systemctl start wlbproxy.service" if appliance.by_units else "setsid") in dry
    assert "nothing was changed" in appliance.call(
        "--takeover", appliance.conf, stdin="n\n", check=1)
    appliance.is_before()
    assert "DONE" in appliance.call("--takeover", appliance.conf, stdin="y\n")
    assert "nothing was changed" in appliance.call("--undo", "--dry-run")
    assert "nothing was changed" in appliance.call("--undo", stdin="n\n", check=1)
    appliance.is_taken_over()


@of_units
def test_what_cannot_be_had_is_not_taken_over(appliance):
    text = appliance.conf.read_text()
    appliance.conf.write_text(text + "libwrap = yes\n")
    assert "nothing is taken over" in " ".join(appliance.take_over(check=1).split())
    appliance.conf.write_text(text)
    appliance.is_before()


def test_another_program_is_left_alone(appliance):
    appliance.box.run("sh", "-c", f"kill $(cat {appliance.state}/stunnel.pid)")
    wait_until(lambda: appliance.box.port_owner(8012) is None, "stunnel has ended", TIMEOUT)
    assert "does not run" in " ".join(appliance.take_over(check=1).split())
    appliance.box.start(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8012",
                        stderr=-3, stdout=-3)
    appliance.box.wait_port_owner(8012, "python")
    assert "is not stunnel" in " ".join(appliance.take_over(check=1).split())
    assert not appliance.ours.exists()


@of_units
@pytest.mark.parametrize("fault, step, why", [
    ("stunnel-does-not-stop", 3, "does not end"),
    ("port-stays-held", 3, "is still held by python"),
    ("wlbproxy-does-not-start", 4, "did not come to serve"),
    ("handshake-fails", 4, "a handshake as XenServer's failed"),
    ("backend-dies", 4, "the backend does not answer")])
def test_a_step_that_fails_goes_back(appliance, fault, step, why):
    config = "; as it was\n"
    appliance.ours.write_text(config)
    pid = appliance.box.run("sh", "-c", "ss -Hltnp 'sport = :8013' | grep -o 'pid=[0-9]*' | "
                            "cut -d= -f2 | head -1")
    (appliance.state / "backend.pid").write_text(pid)
    appliance.fault(fault)
    said = " ".join(appliance.take_over(check=1).split())
    assert f"step {step} " in said and why in said and "BACK" in said, said
    if fault == "backend-dies":
        appliance.box.start(os.environ.get("ORIGIN") or "origin", "--port", "8013", stdout=-3)
    appliance.is_before(config)
    appliance.mend(fault)
    appliance.take_over()
    appliance.is_taken_over()


@pytest.mark.parametrize("kind", ["process"], indirect=True)
def test_a_proxy_that_ends_at_once_in_the_background_goes_back(appliance):
    setsid = appliance.folder / "bin/setsid"
    setsid.write_text("#!/bin/sh\necho 'no such luck' >&2\nexit 1\n")
    setsid.chmod(0o755)
    said = " ".join(appliance.take_over(check=1).split())
    assert "step 4 " in said and "no such luck" in said and "ended by itself" in said, said
    appliance.is_before()


@of_units
def test_an_undo_that_fails_leaves_wlbproxy_in_place(appliance):
    appliance.take_over()
    appliance.fault("stunnel-does-not-start")
    said = " ".join(appliance.undo(check=2).split())
    assert "stunnel did not start" in said and "KEPT" in said
    appliance.is_taken_over()
    appliance.mend("stunnel-does-not-start")
    appliance.undo()
    appliance.is_before()


def interruptions():
    """Each with each; every day, each step of each kind by one signal, in turn by either."""
    for (i, kind), step, number in itertools.product(enumerate(KINDS), STEPS, ["INT", "TERM", "KILL"]):
        daily = number == ["TERM", "KILL"][(i + STEPS[step]) % 2]
        yield pytest.param(kind, step, number, marks=() if daily else pytest.mark.long)


@pytest.mark.parametrize("kind, step, number", interruptions(), indirect=["kind"])
def test_an_interrupted_takeover_is_consistent(appliance, step, number):
    """The one that is told to stop goes back; after one that was killed, the next call does."""
    config = "; as it was\n"
    appliance.ours.write_text(config)
    running = appliance.box.start(*appliance.arguments("--takeover", "--yes", appliance.conf),
                                  stdout=-1, stderr=-2, env=appliance.environment)
    said = ""
    for line in running.stdout:
        said += line
        if line.startswith(f"step {STEPS[step]}:"):
            break
    for pid in appliance.box.run("pgrep", "-f", "migrate --takeover", check=None).split():
        appliance.box.run("kill", f"-{number}", pid, check=None)
    said = " ".join((said + running.stdout.read()).split())
    status = running.wait(TIMEOUT)
    if number == "KILL" and "DONE" not in said:
        assert status != 0
        said = " ".join(appliance.take_over(check=None).split())
        assert "since" in said or ("was interrupted at the step" in said and "BACK" in said), said
    if "DONE" in said or "since" in said:
        appliance.undo()
    elif number != "KILL":
        assert status == 1 and "interrupted by signal" in said and "BACK" in said, said
    appliance.is_before(config)
    appliance.take_over()
    appliance.is_taken_over()
    appliance.undo()
    appliance.is_before(config)


@of_units
def test_a_step_that_fails_after_an_interruption_tells_both(appliance):
    systemctl = appliance.folder / "bin/systemctl"
    systemctl.rename(systemctl.with_name("systemctl.real"))
    systemctl.write_text('#!/bin/sh\n'
                         'if [ "$1" = stop ] && mkdir "$STATE/interrupted" 2>/dev/null; then\n'
                         '    kill -TERM $(pgrep -f "migrate --takeover")\n'
                         '    kill -KILL $$\n'
                         'fi\n'
                         'exec "$0.real" "$@"\n')
    systemctl.chmod(0o755)
    said = " ".join(appliance.take_over(check=1).split())
    assert "interrupted by signal 15: stunnel did not stop: " in said, said
    assert "signal 9 ended" in said or "exit status 137" in said, said  # by a shell that executes, or waits
    appliance.is_before()


@pytest.mark.parametrize("kind", ["process"], indirect=True)
def test_a_stunnel_that_is_still_ending_is_started_again(appliance):
    """It was told to stop, and the takeover is interrupted before it has gone."""
    pid = (appliance.state / "stunnel.pid").read_text().strip()
    running = appliance.box.start(*appliance.arguments("--takeover", "--yes", appliance.conf),
                                  stdout=-1, stderr=-2, env=appliance.environment)
    while not running.stdout.readline().startswith("step 2:"):
        pass
    appliance.box.run("kill", "-STOP", pid)

    def is_told():
        said = appliance.box.run("grep", "ShdPnd", f"/proc/{pid}/status", check=None)
        return not said or int(said.split()[1], 16) & 1 << signal.SIGTERM - 1
    wait_until(is_told, "stunnel is told to stop", TIMEOUT)
    for one in appliance.box.run("pgrep", "-f", "migrate --takeover").split():
        appliance.box.run("kill", "-INT", one, check=None)
    # Nothing happens now; what took it for one that serves made a handshake that hung.
    select.select([running.stdout], [], [], 2)
    appliance.box.run("kill", "-CONT", pid, check=None)
    said = " ".join(running.stdout.read().split())
    assert running.wait(TIMEOUT) == 1 and "interrupted by signal" in said and "BACK" in said, said
    appliance.is_before()


def test_an_interrupted_undo_is_carried_on(appliance):
    appliance.take_over()
    running = appliance.box.start(*appliance.arguments("--undo", "--yes"), stdout=-1, stderr=-2,
                                  env=appliance.environment)
    wait_until(lambda: '"undoing"' in appliance.record.read_text(), "it has begun", TIMEOUT)
    running.send_signal(signal.SIGKILL)
    for pid in appliance.box.run("pgrep", "-f", "migrate --undo", check=None).split():
        appliance.box.run("kill", "-KILL", pid, check=None)
    running.communicate()
    if appliance.record.exists():
        appliance.undo()
    appliance.is_before()


# ---- a machine that is started by rc files ----

STUNNEL_RC = "/etc/init.d/stunnel4"
# As docs/migrating.md has it.
RC_FILE = """#!/bin/sh
pid=/run/wlbproxy.pid
case $1 in
start) exec start-stop-daemon --start --background --make-pidfile --pidfile $pid --exec "{program}" -- run ;;
stop) exec start-stop-daemon --stop --pidfile $pid --retry 30 ;;
*) exit 2 ;;
esac
"""
# An /etc of one's own above this machine's: Debian's rc file of stunnel and its settings are in it.
OWN_ETC = """
mkdir /run/upper /run/work && rm -rf /run/stunnel4 &&
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc || exit 77
rm -f /etc/stunnel/*.conf /etc/init.d/wlbproxy && rm -rf /etc/wlbproxy && mkdir /etc/wlbproxy
"""


@pytest.fixture
def rc_machine(tmp_path, pki, wlbproxy):
    if not (os.path.exists(STUNNEL_RC) and os.path.exists("/lib/lsb/init-functions")):
        pytest.skip("no rc file of stunnel here")
    from conftest import program
    pki.rsa.install(tmp_path / "server.pem", tmp_path / "server.key")
    with Box() as box:
        if box.run("sh", "-c", OWN_ETC + "echo made", check=None).splitlines()[-1:] != ["made"]:
            pytest.skip("no overlay of /etc can be made here")
        box.run("sh", "-c", "cat >/etc/stunnel/wlb.conf", stdin=(
            f"pid = /run/stunnel4/wlb.pid\noutput = {tmp_path}/stunnel.log\nsyslog = no\n"
            "[wlb]\naccept = 127.0.0.1:8012\nconnect = 127.0.0.1:8013\n"
            f"cert = {tmp_path}/server.pem\nkey = {tmp_path}/server.key\n"))
        box.start(program("ORIGIN", "origin"), "--port", "8013", stdout=-3)
        box.run(STUNNEL_RC, "start")
        box.wait_port_owner(8012, "stunnel")
        yield box


@pytest.mark.parametrize("way", ["rc file", "background"])
def test_the_place_of_a_stunnel_that_an_rc_file_started(rc_machine, wlbproxy, way):
    """There and back, twice; its rc file knows the stunnel of afterwards as its own."""
    box = rc_machine
    start = "setsid"
    if way == "rc file":
        start = "/etc/init.d/wlbproxy start"
        box.run("sh", "-c", "cat >/etc/init.d/wlbproxy && chmod 755 /etc/init.d/wlbproxy",
                stdin=RC_FILE.format(program=wlbproxy))
    for _ in range(2):
        said = box.run(wlbproxy, "migrate", "--takeover", "--yes", "/etc/stunnel/wlb.conf", timeout=120)
        assert "DONE" in said and start in said, said
        box.wait_port_owner(8012, "wlbproxy")
        assert box.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}",
                       "https://127.0.0.1:8012/") == "200"
        assert "UNDONE" in box.run(wlbproxy, "migrate", "--undo", "--yes", timeout=120)
        box.wait_port_owner(8012, "stunnel")
        assert "running" in box.run(STUNNEL_RC, "status")
    box.run(STUNNEL_RC, "stop")
    wait_until(lambda: box.port_owner(8012) is None, "the rc file stops it", TIMEOUT)
