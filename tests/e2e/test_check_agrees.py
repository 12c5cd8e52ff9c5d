"""start and reload agree with check about configurations that are wrong in one place."""
import json
import os
import socket
import subprocess

import pytest

from test_reload import served, works

pytestmark = pytest.mark.core

# name: (options, what all three must say)
WRONG = {
    "ciphers": ({"ciphers": "FOO"}, "ciphers: OpenSSL finds no TLS 1.2 cipher in 'FOO'"),
    "suites": ({"ciphersuites": "TLS_FOO"}, "ciphersuites: OpenSSL finds no TLS 1.3 cipher"),
    "groups": ({"groups": "P-256:secp999"}, "groups: this OpenSSL does not know all of"),
    "log folder": ({"log": "/nonexistent/x.log"}, "log: /nonexistent/x.log"),
    "log is a folder": ({"log": "/tmp"}, "log: /tmp"),
    "access log folder": ({"access_log": "/nonexistent/x.log"},
                          "access_log: /nonexistent/x.log"),
    "ca missing": ({"verify": "required", "ca": "/nonexistent.pem"}, "ca: /nonexistent.pem"),
    "ca is a key": ({"verify": "required", "ca": "{key}"}, "ca: "),
    "crl is a certificate": ({"verify": "optional", "ca": "{cert}", "crl": "{cert}"}, "crl: "),
    "a URL": ({"connect": "http://127.0.0.1:8013"}, "write host:port, without 'http://'"),
    "a URL to listen on": ({"accept": "https://wlb:8012"}, "without 'https://'"),
    "no port": ({"connect": "127.0.0.1"}, "the port is missing"),
    "a word": ({"accpet": "8012"}, "did you mean 'accept'"),
    "a long path": ({"control": "/" + "a" * 200}, "is longer than 107 bytes"),
    "no unit": ({"drain_timeout": "11"}, "needs a unit"),
}


def said(done):
    return " ".join((done.stdout + done.stderr).split())


def start(proxy, config):
    return subprocess.run([proxy.program, "run", "-c", str(config)], capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)


def refused_by_all(proxy, options, words):
    """Returns the message of start."""
    before = served(proxy.port)
    proxy.write_config(**{name: value.format(cert=proxy.cert, key=proxy.key)
                          for name, value in options.items()})
    checked = proxy.command("check", "-c", proxy.config, "--control", proxy.control, check=1)
    assert words in said(checked) and "NOT GOOD: 1 refused" in said(checked)
    answer = json.loads(proxy.command("check", "--json", "-c", proxy.config, check=1).stdout)
    assert words in answer["error"] and answer["ok"] is False
    reloaded = proxy.command("reload", "-c", proxy.config, "--control", proxy.control,
                             check=1)
    assert "reload REFUSED" in said(reloaded) and words in said(reloaded)
    assert served(proxy.port) == before and works(proxy.port)
    started = start(proxy, proxy.config)
    assert started.returncode == 2 and words in started.stderr
    return started.stderr


@pytest.mark.sampled(5)
@pytest.mark.parametrize("what", WRONG)
def test_all_three_refuse_it_with_the_same_words(start_proxy, origin, what):
    said_by_start = refused_by_all(start_proxy(origin.address), *WRONG[what])
    assert "event=worker" not in said_by_start


@pytest.mark.parametrize("address", ["192.0.2.7:8012", "[2001:db8::7]:8012"])
def test_all_three_refuse_an_address_that_is_not_this_machines(start_proxy, origin, address):
    refused_by_all(start_proxy(origin.address), {"accept": address},
                   f"cannot listen on {address}: this machine has no such address")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the identity")
def test_all_three_refuse_workers_that_are_root(start_proxy, origin):
    refused_by_all(start_proxy(origin.address), {"user": "root"},
                   "user: 'root' is root; the workers must not be")


def test_check_and_start_refuse_batches_that_cannot_be_had(start_proxy, origin):
    """The workers would find it out; a reload does not change it."""
    proxy = start_proxy(origin.address)
    proxy.write_config(crypto="batched")
    checked = proxy.command("check", "-c", proxy.config)
    if checked.returncode == 0:
        pytest.skip("they can be had here")
    assert "crypto = batched is not possible" in said(checked)
    proxy.stop()
    assert "crypto = batched is not possible" in start(proxy, proxy.config).stderr


def test_status_tells_what_a_reload_could_not_open(start_proxy, origin):
    proxy = start_proxy(origin.address)
    proxy.write_config(log="/nonexistent/x.log")
    assert "log: /nonexistent/x.log" in proxy.status()["disk_error"]


def test_the_log_is_not_made_by_a_check(start_proxy, origin, tmp_path):
    proxy = start_proxy(origin.address)
    proxy.write_config(access_log=tmp_path / "access.log")
    proxy.command("check", "-c", proxy.config, check=0)
    assert not (tmp_path / "access.log").exists()


def test_a_file_is_not_taken_for_a_dead_socket(start_proxy, origin, tmp_path):
    """control = the path of a key, by a slip: the key is not what has to go."""
    precious = tmp_path / "precious"
    precious.write_text("not to be lost")
    proxy = start_proxy(origin.address, control=precious)
    assert precious.read_text() == "not to be lost"
    assert "not a socket" in proxy.events("no_control_socket")[0]["reason"]
    checked = proxy.command("check", "-c", proxy.config, check=0)
    assert "control-unusable" in proxy.command(
        "check", "--json", "-c", proxy.config, check=0).stdout
    assert "warning" in said(checked) and "not a socket" in said(checked)
    assert works(proxy.port)


def test_a_control_socket_without_a_folder_is_warned_of(start_proxy, origin, tmp_path):
    proxy = start_proxy(origin.address)
    proxy.write_config(control=tmp_path / "no" / "such" / "control.sock")
    checked = proxy.command("check", "-c", proxy.config, "--control", proxy.control, check=0)
    assert "the folder for it is missing" in said(checked)


def test_nobody_to_ask_for_a_file_that_is_not_there(wlbproxy, tmp_path):
    """The default socket is a guess then, and that is said."""
    missing = tmp_path / "wlbproxi.conf"
    for command in ("status", "reload"):
        done = subprocess.run([wlbproxy, command, "-c", str(missing)], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=30)
        assert done.returncode == 2
        assert str(missing) in done.stderr and "cannot be opened" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_stale_socket_with_another_owner_is_taken_over(start_proxy, origin, tmp_path):
    path = tmp_path / "control.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    os.chown(path, 65534, 65534)
    proxy = start_proxy(origin.address, control=path)
    assert proxy.status()["pid"] == proxy.pid
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_uid == 0
