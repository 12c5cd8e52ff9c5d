"""Runs one of tlsfuzzer's scripts, as it is but for what TLSFUZZER_CHANGES names.

    tlsfuzzer_script.py SCRIPT [OPTION...]

no-cert-algorithms: padding in the place of signature_algorithms_cert, with which the native engine
leaves a ClientHello to OpenSSL. extended-master-secret: every ClientHello with extensions offers it, for the
same reason. gcm: AES-GCM with ECDHE in the place of each CBC suite, of RSA key exchange and of DHE.
whole: a ClientHello without groups or without signature algorithms gets usual ones, and the
ServerKeyExchange of ECDHE is expected where a script for RSA key exchange expects none. p-384: P-384
in the place of P-256. What a script draws at random is the same in every run, so that servers can be
compared conversation by conversation."""
import os
import random
import runpy
import sys

from tlslite.constants import CipherSuite, ExtensionType, GroupName, SignatureScheme
from tlslite.extensions import (SignatureAlgorithmsExtension, SupportedGroupsExtension,
                                TLSExtension)
from tlsfuzzer.expect import (ExpectCertificate, ExpectCertificateRequest, ExpectServerHello,
                              ExpectServerHelloDone, ExpectServerKeyExchange)
from tlsfuzzer.helpers import AutoEmptyExtension
from tlsfuzzer.messages import ClientHelloGenerator

CHANGES = set(os.environ.get("TLSFUZZER_CHANGES", "").split())
EMS = ExtensionType.extended_master_secret


def usual_extensions():
    schemes = ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pkcs1_sha256",
               "rsa_pkcs1_sha384", "ecdsa_secp256r1_sha256"]
    return {
        ExtensionType.supported_groups: SupportedGroupsExtension().create(
            [GroupName.secp256r1, GroupName.secp384r1]),
        ExtensionType.signature_algorithms: SignatureAlgorithmsExtension().create(
            [getattr(SignatureScheme, one) for one in schemes])}


def add_group(extension):
    groups = getattr(extension, "groups", None)
    if groups and all(one in GroupName.allFF for one in groups):
        extension.create([*groups, GroupName.secp256r1])


def pad(extensions, left_out):
    """Keeps the length of a ClientHello, which some scripts count on."""
    kind = ExtensionType.client_hello_padding
    if isinstance(left_out, TLSExtension) and extensions and kind not in extensions:
        last = list(extensions)[-1]  # a binder has to be the last
        behind = {last: extensions.pop(last)}
        extensions[kind] = TLSExtension(extType=kind).create(
            kind, bytearray(len(left_out.extData)))
        extensions.update(behind)


def change_hello():
    generate = ClientHelloGenerator.generate

    def changed(self, *words):
        if "whole" in CHANGES and not self.ssl2:
            self.extensions = {**usual_extensions(), **(self.extensions or {})}
            add_group(self.extensions[ExtensionType.supported_groups])
        if self.extensions and "no-cert-algorithms" in CHANGES:
            pad(self.extensions, self.extensions.pop(ExtensionType.signature_algorithms_cert, None))
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


def change_flow():
    add = ExpectCertificate.add_child

    def changed(self, child):
        if isinstance(child, (ExpectServerHelloDone, ExpectCertificateRequest)):
            return add(self, ExpectServerKeyExchange()).add_child(child)
        return add(self, child)

    ExpectCertificate.add_child = changed


def change_constants():
    if "gcm" in CHANGES:
        for kind in ("RSA", "ECDSA"):
            for bits, digest in (("128", "SHA256"), ("256", "SHA384")):
                gcm = getattr(CipherSuite, f"TLS_ECDHE_{kind}_WITH_AES_{bits}_GCM_{digest}")
                for mac in ("SHA", "SHA256", "SHA384"):
                    for exchange in (["ECDHE_RSA", "RSA", "DHE_RSA"] if kind == "RSA" else ["ECDHE_ECDSA"]):
                        name = f"TLS_{exchange}_WITH_AES_{bits}_CBC_{mac}"
                        if hasattr(CipherSuite, name):
                            setattr(CipherSuite, name, gcm)
                if kind == "RSA":
                    for exchange in ("RSA", "DHE_RSA"):
                        setattr(CipherSuite, f"TLS_{exchange}_WITH_AES_{bits}_GCM_{digest}", gcm)
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
if "whole" in CHANGES:
    change_flow()
change_constants()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
