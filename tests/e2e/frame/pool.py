"""A stand-in for ssh and for a pool's coordinator behind it, with XAPI's rules for files."""
import json
import os
import re
import subprocess
import sys

SSH = """#!/bin/sh
# ssh [--] HOST COMMAND: runs it "there".
[ "$1" = -- ] && shift
echo "$1" >>"$POOL/hosts"
echo "$2" >>"$POOL/commands"
[ -e "$POOL/unreachable" ] && { echo "ssh: connect to host $1: No route to host" >&2; exit 255; }
cd "$POOL/home" && PATH="$POOL/bin:$PATH" exec sh -c "$2"
"""

VERSIONS = {
    "8.2": "product_version: 8.2.1; product_brand: Citrix Hypervisor; xapi_build: 1.249.26",
    "23.25": "product_version: 8.4.0; product_brand: XenServer; xapi_build: 23.25.0",
    "24.40": "product_version: 8.4.0; product_brand: XenServer; xapi_build: 24.40.0",
    "26.17": "product_version: 8.4.0; product_brand: XenServer; xapi_build: 26.17.0",
}


class Pool:
    """environment() has its ssh first in PATH; installed() and trusted are what is so."""

    def __init__(self, folder, version):
        self.folder = folder
        for name in ("bin", "home", "store", "path"):
            (folder / name).mkdir(parents=True)
        (folder / "version").write_text(version)
        self._script(folder / "path" / "ssh", SSH)
        self._script(folder / "bin" / "xe",
                     f"#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} \"$@\"\n")

    @staticmethod
    def _script(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def environment(self):
        return {**os.environ, "POOL": str(self.folder),
                "PATH": f"{self.folder}/path:{os.environ['PATH']}"}

    def commands(self):
        path = self.folder / "commands"
        return path.read_text().splitlines() if path.exists() else []

    def installed(self):
        return sorted((self.folder / "store").iterdir())

    def verifies(self):
        return (self.folder / "verify").exists() and (self.folder / "synced").exists()


def fail(words):
    print(words, file=sys.stderr)
    sys.exit(1)


def install(folder, version, verb, name):
    wanted = "pool-certificate-install" if version == "8.2" else "pool-install-ca-certificate"
    if verb != wanted:
        fail(f"Unknown command '{verb}'")
    if not re.fullmatch(r"[A-Za-z0-9._-]+\.pem", name):
        fail(f"The certificate name is invalid: {name}")
    text = (folder / "home" / name).read_text()
    if text.count("-----BEGIN CERTIFICATE-----") != 1 or "PRIVATE" in text:
        fail("The certificate is malformed: multiple certificates")
    subprocess.run(["openssl", "x509", "-noout"], input=text, text=True, check=True)
    if (folder / "store" / name).exists():
        fail(f"A certificate already exists with the specified name. name: {name}")
    (folder / "store" / name).write_text(text)
    (folder / "synced").unlink(missing_ok=True)


def xe(folder, verb, words):
    version = (folder / "version").read_text()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    if verb == "host-list":
        print(f"software-version (MRO)    : {VERSIONS[version]}; hostname: x\n")
    elif verb in ("pool-certificate-install", "pool-install-ca-certificate"):
        install(folder, version, verb, given["filename"])
    elif verb == "pool-certificate-sync":
        (folder / "synced").touch()
    elif verb == "pool-list" and given.get("params") == "wlb-verify-cert":
        print(json.dumps((folder / "verify").exists()))
    elif verb == "pool-list":
        print("5f1c2f3e-uuid")
    elif verb == "pool-param-set":
        assert given == {"wlb-verify-cert": "true", "uuid": "5f1c2f3e-uuid"}, given
        (folder / "verify").touch()
    else:
        fail(f"Unknown command '{verb}'")


if __name__ == "__main__":
    import pathlib
    xe(pathlib.Path(os.environ["POOL"]), sys.argv[1], sys.argv[2:])
