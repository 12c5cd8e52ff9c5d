"""Every secret that a test uses is remembered, and looked for in every log of its proxies."""
import base64
import binascii
import contextlib
import pathlib
import re

_CREDENTIALS = re.compile(rb"^(?:proxy-)?authorization:[ \t]*(?:[\w-]+[ \t]+)?([^\s]{8,})",
                          re.IGNORECASE | re.MULTILINE)
_COOKIES = re.compile(rb"^(?:set-)?cookie:[ \t]*([^\r\n]{8,})", re.IGNORECASE | re.MULTILINE)
_BODY = slice(0, 48)  # enough to tell one from another

_known = {}  # the secret -> what it is


def remember(secret, what):
    """Some bytes in a row that hardly any honest line has by chance."""
    if len(set(secret)) >= 8:
        _known[bytes(secret)] = what


def remember_message(sent):
    """The credentials in what a client or backend sends, as they are and by what Basic hides them,
    cookies, and the beginning of what follows the head."""
    for value in _CREDENTIALS.findall(sent):
        remember(value, "credentials")
        with contextlib.suppress(binascii.Error):
            remember(base64.b64decode(value, validate=True), "credentials")
    for value in _COOKIES.findall(sent):
        remember(value, "a cookie")
    _, end, body = sent.partition(b"\r\n\r\n")
    if end and len(body) >= 16:
        remember(body[_BODY], "a body")


def remember_key(path):
    """The lines of a private key in PEM."""
    text = pathlib.Path(path).read_bytes()
    for block in re.findall(rb"PRIVATE KEY-----\n(.*?)-----END", text, re.DOTALL):
        for line in block.split():
            if len(line) >= 32:
                remember(line, "a private key")


def found_in(paths):
    """Sentences, one for each secret that a file of `paths` has."""
    found = []
    for path in paths:
        text = pathlib.Path(path).read_bytes() if pathlib.Path(path).is_file() else b""
        found += [f"{path} has {what}: {secret!r}" for secret, what in _known.items()
                  if secret in text]
    return found
