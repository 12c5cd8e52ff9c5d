"""The machine of the measurement: versions, `openssl speed`, the floor."""
import os
import pathlib
import platform
import re
import subprocess


def _output(*command):
    try:
        return subprocess.run(list(map(str, command)), capture_output=True, text=True,
                              timeout=600).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _cpu():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    ifma = "avx512ifma" in text
    return f"{name.group(1) if name else platform.machine()}, {os.cpu_count()} CPUs" + (
        ", AVX-512 IFMA" if ifma else "")


def _speed(seconds):
    """Operations per second on one CPU: {name: (sign or derive)}."""
    figures = {}
    text = _output("taskset", "-c", "0", "openssl", "speed", "-mr", "-seconds", seconds,
                   "rsa2048", "ecdsap256", "ecdhp384", "ecdhp256", "ecdhx25519")
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == "+F2" and fields[2] == "2048":
            figures["RSA-2048 sign"] = float(fields[3])
        elif fields[0] == "+F4":
            figures[f"ECDSA {fields[2]} bit sign"] = float(fields[3])
        elif fields[0] == "+F5":
            figures[f"ECDH {fields[2]} bit"] = float(fields[3])
    return {name: round(1e6 / value, 1) for name, value in figures.items() if value}


def _floor(options):
    """The same handshakes in memory, without a socket: what bench/handshake_floor prints."""
    program = options.tools / "handshake_floor"
    seconds = "0.05" if options.quick else "0.5"
    return _output("taskset", "-c", "0", program, seconds).strip() if program.exists() else ""


def _system():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "?"


def facts(present, options):
    return {
        "CPU": _cpu(),
        "kernel": platform.release(),
        "system": _system(),
        "OpenSSL": _output("openssl", "version").strip(),
        "versions": {peer.name: peer.version(options.tools) for peer in present},
        "openssl speed, us": {} if options.quick else _speed(1),
        "load average": os.getloadavg()[0],
        "floor": _floor(options),
    }
