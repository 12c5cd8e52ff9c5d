"""Runs one of tlsfuzzer's scripts, as it is but for what TLSFUZZER_CHANGES names.

    tlsfuzzer_script.py SCRIPT [OPTION...]

no-cert-algorithms: no signature_algorithms_cert, with which the native engine leaves a
ClientHello to OpenSSL. extended-master-secret: every ClientHello with extensions offers it, for the
same reason. gcm: AES-GCM with ECDHE in the place of each CBC suite and of RSA key exchange.
p-384: P-384 in the place of P-256. What a script draws at random is the same in every run, so that
servers can be compared conversation by conversation."""
import os
import random
import runpy
import sys

from tlslite.constants import CipherSuite, ExtensionType, GroupName
from tlsfuzzer.expect import ExpectServerHello
from tlsfuzzer.helpers import AutoEmptyExtension
from tlsfuzzer.messages import ClientHelloGenerator

CHANGES = set(os.environ.get("TLSFUZZER_CHANGES", "").split())
EMS = ExtensionType.extended_master_secret


def change_hello():
    generate = ClientHelloGenerator.generate

    def changed(self, *words):
        if self.extensions and "no-cert-algorithms" in CHANGES:
            self.extensions.pop(ExtensionType.signature_algorithms_cert, None)
        if self.extensions and "extended-master-secret" in CHANGES and EMS not in self.extensions:
            last = list(self.extensions)[-1] # a binder has to be the last
            behind = {last: self.extensions.pop(last)}
            self.extensions.update({EMS: AutoEmptyExtension(), **behind})
        return generate(self, *words)

    ClientHelloGenerator.generate = changed


def change_expectation():
    """A script that says which extensions it expects did not know that it asks for this one."""
    compare = ExpectServerHello._compare_extensions

    def changed(self, message):
        if self.extensions is not None and message.getExtension(EMS) is not None:
            self.extensions = {EMS: None, **self.extensions}
        return compare(self, message)

    ExpectServerHello._compare_extensions = changed


def change_constants():
    if "gcm" in CHANGES:
        for kind in ("RSA", "ECDSA"):
            for bits, digest in (("128", "SHA256"), ("256", "SHA384")):
                gcm = getattr(CipherSuite, f"TLS_ECDHE_{kind}_WITH_AES_{bits}_GCM_{digest}")
                for mac in ("SHA", "SHA256", "SHA384"):
                    for exchange in ([f"ECDHE_{kind}", "RSA"] if kind == "RSA" else [f"ECDHE_{kind}"]):
                        name = f"TLS_{exchange}_WITH_AES_{bits}_CBC_{mac}"
                        if hasattr(CipherSuite, name):
                            setattr(CipherSuite, name, gcm)
    if "p-384" in CHANGES:
        name_of = GroupName.toRepr
        GroupName.secp256r1 = GroupName.secp384r1
        GroupName.toRepr = staticmethod(
            lambda group, *rest: "secp384r1" if group == GroupName.secp384r1
            else name_of(group, *rest))


random.seed(1)
change_hello()
if "extended-master-secret" in CHANGES:
    change_expectation()
change_constants()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
