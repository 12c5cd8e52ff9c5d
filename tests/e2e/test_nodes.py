"""Several nodes as examples/ has them, each in namespaces of its own: one dies, certificates and
ticket keys change while clients call."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from frame import secrets
from frame.box import Box, needs_box
from frame.wait import TIMEOUT, wait_until

pytestmark = [needs_box, pytest.mark.long]
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
LOAD = pathlib.Path(__file__).parent / "frame/node_load.py"
SSH = """#!/bin/sh
# ssh -- NODE COMMAND: in that node's namespaces, where `wlbproxy` is that node's.
PATH="{folder}/$2/bin:$PATH" exec nsenter --target "$(cat {folder}/$2/init)" --mount --net --pid sh -c "$3"
"""


def needs(*names):
    return pytest.mark.skipif(not all(map(shutil.which, names)), reason=f"needs {names}")


class Node(Box):
    """A machine with wlbproxy before a backend; its files are in `folder`."""

    def __init__(self, network, number, program, origin, pair, keys):
        super().__init__()
        self.address, self.folder = f"192.0.2.{number}", network.folder / f"node{number}"
        self.program = program
        (self.folder / "bin").mkdir(parents=True)
        (self.folder / "init").write_text(self.init)
        pair.install(self.folder / "server.pem", self.folder / "server.key")
        self.keys = self.folder / "tickets.keys"
        shutil.copy(keys, self.keys)
        text = (EXAMPLES / "node.conf").read_text()
        for place in ("/etc/ssl/certs", "/etc/wlbproxy"):
            text = text.replace(place, str(self.folder))
        self.config = self.folder / "wlbproxy.conf"
        self.config.write_text(f"workers = 2\nlog = {self.folder}/log\naccess_log = {self.folder}/access\n{text}")
        command = self.folder / "bin/wlbproxy"
        command.write_text(f'#!/bin/sh\nexec "{program}" "$@" -c "{self.config}"\n')
        command.chmod(0o755)
        network.join(self, self.address)
        self.backend = self.start(origin, "--port", "8013", stdout=subprocess.DEVNULL)
        self.begin()

    def begin(self):
        self.proxy = self.start(self.program, "run", "-c", self.config,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "serving" in self.run(
            "sh", "-c", f"{self.folder}/bin/wlbproxy status >/dev/null && echo serving",
            check=None), "it serves", TIMEOUT)

    def kill_proxy(self):
        self.run("sh", "-c", "kill -KILL $(pgrep wlbproxy)")
        wait_until(lambda: self.port_owner(8012) is None, "it is gone", TIMEOUT)

    def wait_requests(self, count):
        """That many more than until now."""
        path = self.folder / "access"
        before = path.read_text().count("\n")
        wait_until(lambda: path.read_text().count("\n") >= before + count, "clients go on", TIMEOUT)


class Network(Box):
    """A switch, with the clients on it: 192.0.2.254."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.ports = folder, 0
        self.run("ip", "link", "add", "switch", "type", "bridge")
        self.run("ip", "link", "set", "switch", "up")
        self.run("ip", "address", "add", "192.0.2.254/24", "dev", "switch")

    def join(self, box, address):
        self.ports += 1
        port = f"port{self.ports}"
        subprocess.run(["ip", "link", "add", port, "netns", self.init, "type", "veth", "peer",
                        "name", "eth0", "netns", box.init], check=True)
        self.run("ip", "link", "set", port, "master", "switch", "up")
        box.run("ip", "link", "set", "eth0", "up")
        box.run("ip", "address", "add", f"{address}/24", "dev", "eth0")

    def load(self, host, clients=8):
        return Load(self, host, clients)


class Load:
    def __init__(self, network, host, clients):
        self.process = network.start(sys.executable, LOAD, host, 8012, clients,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "begun\n"

    def mark(self):
        self.process.stdin.write("now\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "marked\n"

    def end(self):
        said, _ = self.process.communicate("", timeout=120)
        return json.loads(said.splitlines()[-1])


@pytest.fixture
def network(tmp_path):
    with Network(tmp_path) as it:
        yield it


@pytest.fixture
def make_nodes(network, pki, wlbproxy, tmp_path):
    from conftest import program
    keys, made = tmp_path / "tickets.keys", []
    subprocess.run([wlbproxy, "tickets", "rotate", "--file", keys], check=True,
                   stdout=subprocess.DEVNULL)

    def make(count):
        for number in range(1, count + 1):
            made.append(Node(network, number, wlbproxy, program("ORIGIN", "origin"), pki.rsa, keys))
        return made

    yield make
    for node in made:
        node.close()
    assert not secrets.found_in([node.folder / "log" for node in made])


@pytest.fixture
def balancer(network):
    with Box() as box:
        network.join(box, "192.0.2.10")
        yield box


def with_haproxy(balancer, folder, count):
    text = (EXAMPLES / "haproxy.cfg").read_text()
    text += "".join(f"\tserver node{i} 192.0.2.{i}:8012 check\n" for i in range(3, count + 1))
    config = folder / "haproxy.cfg"
    config.write_text(text)
    balancer.start("haproxy", "-db", "-f", config, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    balancer.wait_port_owner(8012, "haproxy")
    return "192.0.2.10"


def assert_only_open_ones_were_lost(seen, clients=8):
    late = [one for one in seen["failed"] if one[1] is not None and one[1] > 0]
    assert not late, late[:5]
    assert len(seen["failed"]) <= clients, seen["failed"]
    resumed, not_resumed = seen["resumed"]
    assert resumed > 50 and resumed / (resumed + not_resumed) >= 0.95, seen["resumed"]


@needs("haproxy")
def test_a_node_behind_haproxy_dies_under_load(network, make_nodes, balancer):
    first, second = make_nodes(2)
    load = network.load(with_haproxy(balancer, network.folder, 2))
    first.kill_proxy()
    load.mark()
    second.wait_requests(300)
    assert_only_open_ones_were_lost(load.end())
    assert "192.0.2.254" in (second.folder / "access").read_text(), "the client's own address"


def leaf(path):
    return path.read_text().split("-----END")[0].split()


@needs("haproxy")
def test_certificate_and_ticket_keys_change_on_three_nodes(network, make_nodes, balancer, pki,
                                                           wlbproxy):
    nodes = make_nodes(3)
    load = network.load(with_haproxy(balancer, network.folder, 3))
    ssh = network.folder / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH.format(folder=network.folder))
    ssh.chmod(0o755)
    here = network.folder / "here"
    here.mkdir()
    pki.other.install(here / "server.pem", here / "server.key")
    (here / "wlbproxy.conf").write_text(
        f"control = off\n[wlb]\ncert = {here}/server.pem\nkey = {here}/server.key\n")
    environment = {**os.environ, "PATH": f"{ssh.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [wlbproxy, "cert", "push", "--yes", "-c", here / "wlbproxy.conf", "node1", "node2",
         "node3"], capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    nodes[0].wait_requests(50)
    load.mark()
    for _ in range(2):
        nodes[0].run(wlbproxy, "tickets", "rotate", "--file", nodes[0].keys)
        for node in nodes:
            if node is not nodes[0]:
                fresh = node.folder / "fresh"
                shutil.copy(nodes[0].keys, fresh)
                fresh.rename(node.keys)
            node.run(wlbproxy, "reload", "-c", node.config)
        nodes[0].wait_requests(100)
    seen = load.end()
    assert not seen["failed"], seen["failed"][:5]
    resumed, not_resumed = seen["resumed"]
    assert resumed / (resumed + not_resumed) >= 0.95, seen["resumed"]
    for node in nodes:
        assert leaf(node.folder / "server.pem") == leaf(here / "server.pem")


@needs("keepalived", "curl")
def test_the_address_moves_to_the_node_that_serves(network, make_nodes):
    nodes = make_nodes(2)
    config = network.folder / "keepalived.conf"
    shutil.copy(EXAMPLES / "keepalived.conf", config)
    for node in nodes:
        node.start("keepalived", "--dont-fork", "--use-file", config, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)

    def active():
        return [node for node in nodes
                if "192.0.2.100" in node.run("ip", "-o", "-4", "address", "show", "dev", "eth0")]

    wait_until(lambda: len(active()) == 1, "one has the address", 60)
    (first,) = active()
    load = network.load("192.0.2.100", 4)
    first.kill_proxy()
    (second,) = [node for node in nodes if node is not first]
    wait_until(lambda: active() == [second], "the other has it", 60)
    load.mark()
    second.wait_requests(100)
    seen = load.end()
    resumed, not_resumed = seen["resumed"]
    assert resumed and resumed / (resumed + not_resumed) >= 0.95, seen["resumed"]
    first.begin()
    assert active() == [second], "nopreempt"


def has_ipvs():
    return shutil.which("ipvsadm") is not None and subprocess.run(
        ["unshare", "--net", "ipvsadm", "-Ln"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_ipvs(), reason="needs ipvsadm, and a kernel with IPVS")
def test_nodes_behind_ipvs(network, make_nodes, balancer):
    nodes = make_nodes(2)
    balancer.run("ip", "address", "add", "192.0.2.100/24", "dev", "eth0")
    for node in nodes:
        node.run("sysctl", "-w", "net.ipv4.conf.all.arp_ignore=1",
                 "net.ipv4.conf.all.arp_announce=2")
        node.run("ip", "address", "add", "192.0.2.100/32", "dev", "lo")
    balancer.run(EXAMPLES / "ipvs", "start")
    load = network.load("192.0.2.100")
    balancer.run("ipvsadm", "--delete-server", "--tcp-service", "192.0.2.100:8012",
                 "--real-server", nodes[0].address)
    nodes[0].kill_proxy()
    load.mark()
    nodes[1].wait_requests(300)
    assert_only_open_ones_were_lost(load.end())
    balancer.run(EXAMPLES / "ipvs", "stop")
