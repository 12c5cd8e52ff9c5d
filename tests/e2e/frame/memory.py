"""The memory of a process, and the parts of a private key that it contains."""
import re

import pytest

from .pki import openssl

CHUNK = 16 << 20


def _elements(der):
    """(tag, content) of each element."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(der[at:at + count], "big"), at + count
        yield tag, der[at:at + length]
        at += length


def _numbers(der):
    """{name: big-endian bytes} of a PKCS#1 or SEC 1 private key."""
    ((_, body),) = list(_elements(der))
    parts = [content for _, content in _elements(body)]
    if len(parts) == 9:  # version, n, e, d, p, q, dP, dQ, qInv
        names = ["d", "p", "q", "dP", "dQ", "qInv"]
        return {name: part.lstrip(b"\0") for name, part in zip(names, parts[3:])}
    return {"scalar": parts[1]}


def key_secrets(path):
    """{name: bytes} to be searched for: each number in both orders, and the DER forms."""
    secrets = {"PKCS#8": openssl("pkcs8", "-topk8", "-nocrypt", "-in", path, "-outform", "DER")}
    traditional = openssl("pkey", "-in", path, "-traditional", "-outform", "DER")
    secrets["traditional DER"] = traditional
    for name, number in _numbers(traditional).items():
        secrets[name] = number
        secrets[f"{name} (limbs)"] = number[::-1]
    return secrets


def _readable(pid):
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r(?!.*\[v(var|syscall))", line)
            if match:
                yield int(match.group(1), 16), int(match.group(2), 16)


def found_in(pid, secrets):
    """Names of the secrets that are in any readable page of the process."""
    longest, found = max(map(len, secrets.values())), set()
    if any(end - start > 1 << 40 for start, end in _readable(pid)):
        pytest.skip("a sanitizer's shadow memory is terabytes: only a release build is searched")
    try:
        memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
    except PermissionError:
        pytest.skip("another process's memory cannot be read here")
    with memory:
        for start, end in _readable(pid):
            for at in range(start, end, CHUNK):
                memory.seek(at)
                try:
                    chunk = memory.read(min(CHUNK + longest, end - at))
                except OSError:
                    continue  # a mapping without pages behind it
                found |= {name for name, secret in secrets.items() if secret in chunk}
    return found
