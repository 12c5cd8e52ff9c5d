"""Reads HTTP/1 as narrowly as can be: what passes here, no two parsers read differently.

Written from RFC 9112 alone, not from the proxy's own parser. Ambiguous: some real program
would see other messages in these bytes than another one does. Incomplete: nothing is wrong
so far, bytes are missing.
"""
import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(TOKEN + rb" [!-~]+ HTTP/1\.[01]")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9] [\t -~\x80-\xff]*")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,18}")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;" + TOKEN + rb"(?:=" + TOKEN + rb")?)*)")
HOST = re.compile(rb"[0-9A-Za-z._~:\[\]%!$&'()*+,;=-]+")
ABSOLUTE = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://(" + HOST.pattern + rb")(?:[/?].*)?")
FRAMING = (b"content-length", b"transfer-encoding")
SINGLE = (*FRAMING, b"host", b"authorization", b"expect", b"location")


class Ambiguous(Exception):
    pass


class Incomplete(Exception):
    pass


class Message:
    def __init__(self, start, fields):
        self.start, self.fields, self.body = start, fields, b""
        self.minor = int(re.search(rb"HTTP/1\.(.)", start).group(1))
        self.status = int(start[9:12]) if start.startswith(b"HTTP/") else None
        self.method = start.split(b" ")[0] if self.status is None else None
        self.until_the_end = False

    def all(self, name):
        return [value for one, value in self.fields if one == name]


def _demand(good, what):
    if not good:
        raise Ambiguous(what)


def _line(data, at):
    """(the line, where the next begins)"""
    end = at
    while end < len(data) and data[end] not in b"\r\n\0":
        end += 1
    if end + 1 >= len(data):
        _demand(end == len(data) or data[end] == 13, "a line without CRLF")
        raise Incomplete
    _demand(data[end:end + 2] == b"\r\n", "a line without CRLF")
    return data[at:end], end + 2


def _field(line):
    field = FIELD.fullmatch(line)
    _demand(field, "a line that is no field")
    name = field.group(1).lower()
    _demand(name.replace(b"_", b"-") not in FRAMING or b"_" not in name,
            "a framing field with an underscore")
    return name, field.group(2)


def _read_head(data, start_line):
    start, at = _line(data, 0)
    _demand(start_line.fullmatch(start), "a malformed start line")
    fields = []
    while True:
        line, at = _line(data, at)
        if not line:
            break
        fields.append(_field(line))
    message = Message(start, fields)
    for name in SINGLE:
        _demand(len(message.all(name)) <= 1, f"{name.decode()} twice")
    _demand(not all(message.all(name) for name in FRAMING), "a length and a coding")
    for length in message.all(FRAMING[0]):
        _demand(LENGTH.fullmatch(length) and int(length) < 1 << 63, "an odd length")
    for coding in message.all(FRAMING[1]):
        _demand(coding.lower() == b"chunked", "an odd coding")
        _demand(message.minor == 1, "a coding in HTTP/1.0")
    return message, at


def _read_chunks(data, at):
    body = b""
    while True:
        line, at = _line(data, at)
        chunk = CHUNK.fullmatch(line)
        _demand(chunk, "an odd chunk size")
        size = int(chunk.group(1), 16)
        if size == 0:
            break
        body += data[at:at + size]
        at += size
        if len(data) < at + 2:
            _demand(b"\r\n".startswith(data[at:]), "a chunk of another size")
            raise Incomplete
        _demand(data[at:at + 2] == b"\r\n", "a chunk of another size")
        at += 2
    while True:
        line, at = _line(data, at)
        if not line:
            return body, at
        _demand(_field(line)[0] not in SINGLE, "a trailer that means something in a head")


def _read_body(message, data, at):
    if message.all(FRAMING[1]):
        message.body, at = _read_chunks(data, at)
    elif message.all(FRAMING[0]):
        length = int(message.all(FRAMING[0])[0])
        if len(data) < at + length:
            raise Incomplete
        message.body, at = data[at:at + length], at + length
    return data[at:]


def _names_host(target, message):
    """Does an absolute target say what Host says, with the same port written out?"""
    named = ABSOLUTE.fullmatch(target)
    return named and [named.group(1).lower()] == [
        host.lower() for host in message.all(b"host")]


def read_request(data):
    """(the first request, the bytes behind it)"""
    message, at = _read_head(data, REQUEST_LINE)
    target = message.start.split(b" ")[1]
    options = [one.strip().lower() for value in message.all(b"connection")
               for one in value.split(b",")]
    _demand(message.method != b"CONNECT", "a tunnel")
    _demand(len(message.all(b"host")) == 1 or message.minor == 0, "no Host")
    _demand(target.startswith(b"/") or (target, message.method) == (b"*", b"OPTIONS") or
            _names_host(target, message), "a target and a Host that differ")
    _demand(b"#" not in target, "a target with a fragment")
    _demand(b"upgrade" not in options or message.all(b"upgrade") == [b"websocket"],
            "an upgrade to another protocol")
    _demand(all(HOST.fullmatch(host) for host in message.all(b"host")),
            "an odd Host")
    return message, _read_body(message, data, at)


def read_reply(data, head=False, ended=True):
    """(the first reply, the bytes behind it). `ended`: no more bytes will come."""
    message, at = _read_head(data, STATUS_LINE)
    bodiless = message.status < 200 or message.status == 204
    _demand(not bodiless or not any(message.all(name) for name in FRAMING),
            "a bodiless reply that announces a body")
    if bodiless or head or message.status == 304:
        return message, data[at:]
    if any(message.all(name) for name in FRAMING):
        return message, _read_body(message, data, at)
    if not ended:
        raise Incomplete
    message.body, message.until_the_end = data[at:], True
    return message, b""
