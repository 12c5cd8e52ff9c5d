"""The corpora of tests/corpus against the whole proxy, over TLS, in both directions.

frame/strict.py reads the bytes that arrive on the other side: every reader understands those
that pass it in one way. compare_smuggling.py shows the same corpora to other proxies.
"""
import pytest

from frame import corpus, strict
from frame.client import context, get
from frame.recorder import Recorder

pytestmark = pytest.mark.core

REQUESTS, REPLIES = list(corpus.load("requests")), list(corpus.load("responses"))

CLIENTS = {
    "keep-alive": get("/"),
    "close": get("/", close=True),
    "1.0": get("/", version="HTTP/1.0"),
}
CONTEXTS = {
    "HEAD": get("/", method="HEAD"),
    "UPGRADE": get("/", "Connection: Upgrade", "Upgrade: websocket",
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"),
}


@pytest.fixture
def recorder():
    it = Recorder()
    yield it
    it.close()


def judge_all(payloads, judge):
    """Every payload has its turn; the mistakes are told together."""
    mistakes = []
    for payload in payloads:
        try:
            judge(payload)
        except (AssertionError, strict.Ambiguous, strict.Incomplete) as error:
            mistakes.append(f"{payload.name}: {type(error).__name__}: {error}")
    assert not mistakes, "\n".join(mistakes)


def statuses(received, methods):
    """The statuses of the replies a client got, each read strictly; `methods` are those of the
    requests."""
    found = []
    while received:
        head = methods[len(found):len(found) + 1] == [b"HEAD"]
        reply, received = strict.read_reply(received, head)
        found.append(reply.status)
    return found


def check_what_arrived(talks, payload):
    complaints = [talk.complaint for talk in talks if talk.complaint]
    assert not complaints, f"two parsers may differ: {complaints}"
    assert all(len(talk.requests) <= 1 for talk in talks), "a request nobody knows of"
    if payload.verdicts[-1].isdigit():
        assert len(talks) == payload.verdicts.count("ok"), "a refused head got through"


def test_no_request_of_the_corpus_can_be_misread(start_proxy, recorder):
    proxy, tls = start_proxy(recorder.address, max_body=0, log_level="info"), context()

    def judge(payload):
        received, how = corpus.converse(proxy.port, payload.data, tls)
        talks = recorder.settle()
        check_what_arrived(talks, payload)
        requests = [request for talk in talks for request in talk.requests]
        expected = [200 if verdict == "ok" else 400 if verdict == "wait" else
                    int(verdict.removeprefix("body:")) for verdict in payload.verdicts]
        got = statuses(received, [request.method for request in requests])
        assert got == expected[:len(got)] and got.count(200) == len(requests)
        assert how == "close_notify"

    judge_all(REQUESTS, judge)


def test_a_refused_head_request_gets_no_body(start_proxy, recorder):
    proxy, tls = start_proxy(recorder.address, head_timeout="300ms", log_level="info"), context()
    for data, until, status in [
            (b"HEAD / HTTP/1.1\r\n\r\n", None, 400),
            (b"HEAD / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", None, 400),
            (b"HEAD / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n", None, 417),
            (b"HEAD / HTTP/1.1\r\nHost: a", None, 400),
            (b"HEAD / HTTP/1.1\r\nHost: a", lambda _: False, 408)]:
        received, how = corpus.converse(proxy.port, data, tls, until)
        reply, surplus = strict.read_reply(received, head=True)
        assert (reply.status, surplus, how) == (status, b"", "close_notify"), data
        assert int(reply.all(b"content-length")[0]) > 0, "as for GET"


@pytest.mark.again
def test_the_next_request_on_a_kept_backend_connection_is_its_own(start_proxy, recorder):
    proxy = start_proxy(recorder.address, max_body=0, backend_keepalive=4, log_level="info")
    tls = context()

    def judge(payload):
        corpus.converse(proxy.port, payload.data, tls)
        received, how = corpus.converse(proxy.port, get("/victim"), tls)
        reply, surplus = strict.read_reply(received)
        assert (reply.status, reply.body, surplus) == (200, b"/victim", b"")
        assert how == "close_notify"

    judge_all(REQUESTS, judge)
    proxy.stop()
    talks = recorder.settle()
    assert max(len(talk.requests) for talk in talks) > 100, "none was kept"
    assert not [talk.complaint for talk in talks if talk.complaint]


def is_whole(head):
    """Returns whether a client that leaves its connection open has got its reply."""
    def judge(received):
        try:
            strict.read_reply(received, head, ended=False)
        except strict.Incomplete:
            return False
        except strict.Ambiguous:
            pass
        return True
    return judge


def check_reply(payload, received, how, head):
    """Checks the client's result of a payload of replies by its verdict."""
    final = [verdict for verdict in payload.verdicts if verdict != "interim"]
    try:
        reply, surplus = strict.read_reply(received, head)
    except strict.Incomplete:
        assert final == ["cut"] and how == "cut", f"{final}, yet incomplete, {how}"
        return
    assert surplus == b"", "something behind the reply"
    assert payload.context == "UPGRADE" or reply.status >= 200, "a 1xx"
    if final[0] == "ok":  # other bytes belong to no reply
        assert reply.status != 502 and how == "close_notify"
    elif final == ["refused"]:
        assert reply.status == 502 and how == "close_notify"
    elif final == ["cut"]:
        assert reply.status == 502 or (how == "cut" and reply.until_the_end)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_reply_of_the_corpus_can_be_misread(start_proxy, backend, client):
    current, tls = [], context()

    def script(talk):
        if talk.read_head():
            talk.send(current[0])

    proxy = start_proxy(backend(script).address, upgrade="websocket", log_level="info")

    def judge(payload):
        current[:] = [payload.data]
        head = payload.context == "HEAD"
        received, how = corpus.converse(
            proxy.port, CONTEXTS.get(payload.context, CLIENTS[client]), tls,
            is_whole(head) if client == "keep-alive" or payload.context else None)
        check_reply(payload, received, how, head)

    judge_all(REPLIES, judge)
