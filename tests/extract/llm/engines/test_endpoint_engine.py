"""The engine against a real server on loopback, which a test makes answer, and fail, in every way a server does."""

import json
import math
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest

from selip_extract.extraction import Usage
from selip_extract.extractors.both import DoubleExtractor
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.language.lexer import lex
from selip_extract.llm.answer_forms import ReportForm, SentenceForm
from selip_extract.llm.engine import Answer, Constraint, Failure, GenerationRequest
from selip_extract.llm.engines.endpoint_engine import MAX_THINKING_TOKENS, EndpointEngine, token_ends
from selip_extract.llm.engines.server import RetryPolicy
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from selip_extract.llm.sentence_task import END
from selip_extract.pseudo_reports.writing.report import write_study
from selip_shared.errors import SelipError

Body = dict[str, Any]
Fault = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Listener"

    def log_message(self, *_: object) -> None:
        pass

    def parse_request(self) -> bool:
        whole = super().parse_request()
        self.server.owner.keys.add(self.headers["Authorization"] if whole else None)
        return whole

    def finish(self) -> None:
        self.server.owner.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        assert self.path == "/v1/models"
        self.server.owner.listing(self)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner = self.server.owner
        # It is in flight no more before the client can have the reply, and send another request.
        with owner.counted(self.path, body):
            fault = owner.fault_of(body) or status(200, owner.answer(self.path.removeprefix("/v1/"), body))
        fault(self)

    def reply(self, status: int, content: object, **headers: str) -> None:
        """Send JSON, or text as it is."""
        data = (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def drop(self) -> None:
        """End the connection."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: "LoopbackServer"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.owner.connections.add(connection)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Clients that went away, and tests that end, are no errors here."""


def models(*names: str) -> Fault:
    """A list of models."""
    return lambda handler: handler.reply(200, {"object": "list", "data": [{"id": name} for name in names]})


def status(code: int, content: object = "", **headers: str) -> Fault:
    """A reply with a status."""
    return lambda handler: handler.reply(code, content, **headers)


def dropped_before(handler: Handler) -> None:
    """No reply at all."""
    handler.drop()


def dropped_amid(handler: Handler) -> None:
    """Half of what the headers announce."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.drop()


def no_reply(handler: Handler) -> None:
    """Nothing until the client has closed the connection or the server is stopped."""
    with suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


class LoopbackServer:
    """Answers POST requests with `answer(route, body)`, after the faults that wait, and those that `faulty` says."""

    def __init__(self, answer: Callable[[str, Body], object], listing: Fault | None = None) -> None:
        self.answer = answer
        self.listing = listing or models("m")
        self.faults: deque[Fault] = deque()
        self.faulty: Callable[[Body], Fault | None] = lambda _body: None
        self.connections: set[socket.socket] = set()
        self.requests: list[tuple[str, Body]] = []
        self.keys: set[str | None] = set()
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen, again on the same port after a stop."""
        self._listener = _Listener(("127.0.0.1", self._port), Handler)
        self._listener.owner = self
        self._port = self._listener.server_port
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Die: no connection stays open, none is taken."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def fault_of(self, body: Body) -> Fault | None:
        with self._lock:
            return self.faults.popleft() if self.faults else self.faulty(body)

    @contextmanager
    def counted(self, path: str, body: Body) -> Iterator[None]:
        with self._lock:
            self.requests.append((path, body))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self._lock:
                self.in_flight -= 1


def completion(text: str, tokens: Sequence[str], log_probabilities: Sequence[float], finish: str = "stop") -> Body:
    """A reply to /completions."""
    logprobs = {"tokens": tokens, "token_logprobs": log_probabilities, "text_offset": [], "top_logprobs": None}
    usage = {"prompt_tokens": 7, "completion_tokens": len(tokens), "prompt_tokens_details": {"cached_tokens": 3}}
    return {"choices": [{"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish}], "usage": usage}


def chat_reply(text: str, tokens: Sequence[str], log_probabilities: Sequence[float]) -> Body:
    """A reply to /chat/completions."""
    content: list[Body] = [
        {"token": t, "logprob": p, "bytes": None, "top_logprobs": []}
        for t, p in zip(tokens, log_probabilities, strict=True)
    ]
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "logprobs": {"content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": len(tokens)}}


# Short pauses, and no time limit that a busy machine could reach.
QUICK = RetryPolicy(connect=600, read=600, listing=600, unreachable=600, tries=4, pause=0.01, max_pause=0.05)
HANGS_AFTER_SECONDS = 300


def request(prompt: str) -> GenerationRequest:
    return GenerationRequest(prompt, None, 16)


def echo(_route: str, body: Body) -> Body:
    """The prompt as the answer."""
    text = body["prompt"]
    return completion(text, [text, "<end>"], [-0.25, -0.25])


def texts(answers: Sequence[Answer | Failure]) -> list[str]:
    return [a.text if isinstance(a, Answer) else f"{a.status}: {a.note}" for a in answers]


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    started = LoopbackServer(echo)
    yield started
    started.stop()


@contextmanager
def engine_of(server: LoopbackServer, model: str | None = None, **options: Any) -> Iterator[EndpointEngine]:
    given: dict[str, Any] = {"rendered": True, "retry_policy": QUICK} | options
    with closing(EndpointEngine(server.url, model, **given)) as engine:
        yield engine


# Answers


@pytest.fixture(scope="module")
def local() -> TransformersEngine:
    return TransformersEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER), request_batch_size=96)


def test_findings_and_confidences_are_those_of_the_local_engine(
    local: TransformersEngine, server: LoopbackServer
) -> None:
    form = SentenceForm()
    reports = [write_study(random.Random(f"endpoint-{i}")).text for i in range(20)]
    asked = [prompted for lexed in map(lex, reports) for prompted in form.asked(lexed)]
    requests = [GenerationRequest(form.prompt(a), form.constraint(a), form.max_answer_tokens) for a in asked]
    known = dict(zip(requests, local.answers(requests), strict=True))

    def answer(route: str, body: Body) -> Body:
        assert (route, body["model"], body["temperature"]) == ("completions", "m", 0)
        constraint = Constraint("grammar", body["structured_outputs"]["grammar"])
        said = known[GenerationRequest(body["prompt"], constraint, body["max_tokens"])]
        assert isinstance(said, Answer)
        pieces = [said.text[begin:end].strip() for begin, end in pairwise((0, *said.ends))]
        assert pieces[-1] == ""
        return completion(said.text, [*pieces[:-1], END], said.log_probabilities)

    server.answer = answer
    here = LanguageModelExtractor(local, form).read(reports)
    with engine_of(server, retry_policy=RetryPolicy()) as engine:
        there = LanguageModelExtractor(engine, form).read(reports)
    assert sum(len(reading.study.findings) for reading in here) > 20
    for one, other in zip(here, there, strict=True):
        assert (other.status, other.reply) == (one.status, one.reply)
        assert [f.key for f in other.study.findings] == [f.key for f in one.study.findings]
        confidences = [[f.confidence for f in r.study.findings] for r in (one, other)]
        assert confidences[1] == pytest.approx(confidences[0], abs=1e-3)


def test_a_chat_server_is_asked_in_its_own_way(server: LoopbackServer) -> None:
    text = "左侧额叶见长T2信号，DWI未见高信号。"
    reply = '{"1":{"左侧":["额叶"],"T2":"高"}}'

    def answer(route: str, body: Body) -> Body:
        assert route == "chat/completions"
        (message,) = body["messages"]
        assert message["role"] == "user"
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        assert f"〔1〕{text}" in message["content"]
        schema = body["response_format"]["json_schema"]
        assert (body["response_format"]["type"], schema["strict"]) == ("json_schema", True)
        assert "T2" in schema["schema"]["$defs"]["1"]["anyOf"][0]["properties"]
        return chat_reply(reply, [*reply], [-0.001] * len(reply))

    server.answer = answer
    with engine_of(server, rendered=False) as engine:
        (reading,) = LanguageModelExtractor(engine, ReportForm(None)).read([text])
    (finding,) = reading.study.findings
    assert finding.key == ("T2", "左侧", "额叶", "高")
    span = len('"左侧"') + len('"额叶"') + len('"T2":"高"')
    assert finding.confidence == pytest.approx(math.exp(-0.001 * span), abs=1e-4)
    assert (reading.usage.tokens_in, reading.usage.tokens_cached, reading.usage.tokens_out) == (7, 0, len(reply))


def test_a_model_may_think_first_and_its_thoughts_have_no_part_in_the_confidence(server: LoopbackServer) -> None:
    reply = '{"1":{"左侧":["额叶"],"T2":"高"}}'

    def answer(_route: str, body: Body) -> Body:
        assert body["chat_template_kwargs"] == {"enable_thinking": True}
        assert body["max_tokens"] == ReportForm.max_answer_tokens + MAX_THINKING_TOKENS
        return chat_reply(reply, ["高", "？", "</think>", *reply], [-5.0, -5.0, -5.0, *[-0.001] * len(reply)])

    server.answer = answer
    with engine_of(server, rendered=False, thinking=True) as engine:
        (reading,) = LanguageModelExtractor(engine, ReportForm(None)).read(["左侧额叶见长T2信号。"])
        assert engine.fingerprint()["prompts"] == "chat, thinking"
    (finding,) = reading.study.findings
    assert finding.confidence == pytest.approx(1, abs=0.1)


def test_usage_and_end_are_told(server: LoopbackServer) -> None:
    server.answer = lambda _route, _body: completion("高", ["高"], [-0.5], finish="length")
    with engine_of(server) as engine:
        (answer,) = engine.answers([request("a")])
    assert isinstance(answer, Answer)
    assert (answer.text, answer.ends, answer.log_probabilities, answer.ended) == ("高", (1,), (-0.5,), False)
    assert answer.usage == Usage(7, 3, 1)


@pytest.mark.parametrize(
    ("text", "tokens", "ends", "values"),
    [
        ("左 额叶", ["左", "额", "叶", "<end>"], (1, 3, 4, 4), (-1, -2, -4, -8)),
        ("左 额叶", ["左", " 额", "叶"], (1, 3, 4), (-1, -2, -4)),
        ("左颞叶", ["左", "", "", "颞", "叶", "</s>"], (1, 2, 3, 3), (-1, -14, -16, -32)),
        ("", ["<end>"], (0,), (-1,)),
        ("左颞叶", ["左", "�", "�", "叶"], (3,), (-15,)),
        ("左颞叶", ["token_id:3", "token_id:9"], (3,), (-3,)),
    ],
)
def test_tokens_are_placed_in_the_text(
    text: str, tokens: list[str], ends: tuple[int, ...], values: tuple[float, ...]
) -> None:
    assert token_ends(text, [(token, -(2.0**i)) for i, token in enumerate(tokens)]) == (ends, values)


@pytest.mark.parametrize("text", ["左侧", ""])
def test_without_probabilities_none_is_claimed(server: LoopbackServer, text: str) -> None:
    server.answer = lambda _route, _body: {"choices": [{"text": text, "finish_reason": "stop"}]}
    with engine_of(server) as engine:
        (answer,) = engine.answers([request("a")])
    assert isinstance(answer, Answer)
    assert (answer.text, math.isnan(answer.probability), answer.usage) == (text, True, Usage())


def test_findings_without_probabilities_have_the_confidence_of_the_rules_or_none(server: LoopbackServer) -> None:
    reply = " ".join(["左侧", "s00", ":", "T2", "高", ";"])
    server.answer = lambda _route, _body: {"choices": [{"text": reply, "finish_reason": "stop"}]}
    with engine_of(server) as engine:
        model = LanguageModelExtractor(engine, SentenceForm())
        (alone,), (both,) = (reader.read(["左侧额叶见长T2信号。"]) for reader in (model, DoubleExtractor(model)))
    assert [(f.key, f.confidence) for f in alone.study.findings] == [(("T2", "左侧", "额叶", "高"), None)]
    assert [(f.key, f.agreed) for f in both.study.findings] == [(("T2", "左侧", "额叶", "高"), True)]
    assert both.study.findings[0].confidence == pytest.approx(0.9975, abs=1e-4)


def test_answers_come_in_the_order_of_the_requests_and_no_more_than_so_many_at_once(server: LoopbackServer) -> None:
    eight = threading.Barrier(8)

    def answer(route: str, body: Body) -> Body:
        eight.wait(HANGS_AFTER_SECONDS)
        return echo(route, body)

    server.answer = answer
    prompts = [[f"{caller}-{i}" for i in range(60)] for caller in range(2)]
    with engine_of(server, concurrency=8) as engine, ThreadPoolExecutor(2) as callers:
        found = callers.map(lambda mine: texts(engine.answers([request(p) for p in mine])), prompts)
        assert list(found) == prompts
    assert server.most_in_flight == 8


def test_the_user_says_how_many_requests_are_in_flight(server: LoopbackServer) -> None:
    three = threading.Event()

    def answer(_route: str, _body: Body) -> Body:
        if server.in_flight >= 3:
            three.set()
        assert three.wait(HANGS_AFTER_SECONDS)
        return chat_reply("{}", ["{}"], [-0.1])

    server.answer = answer
    texts = [write_study(random.Random(f"concurrency-{i}")).text for i in range(12)]
    with closing(extractor_maker("endpoint", ModelChoice(base_url=server.url, concurrency=3))()) as extractor:
        assert [reading.status for reading in extractor.read(texts)] == ["ok"] * 12
        assert extractor.batch_size == 12
    assert len(server.requests) > 6
    assert server.most_in_flight == 3


def test_the_environments_proxies_are_not_used(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with engine_of(server) as engine:
        assert texts(engine.answers([request("a")])) == ["a"]


def test_the_server_is_shown_the_key(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_of(server) as engine:
        engine.answers([request("a")])
    assert server.keys == {None}
    server.keys.clear()
    monkeypatch.setenv("SELIP_API_KEY", "sk-secret\n")
    with engine_of(server) as engine:
        engine.answers([request("a")])
        assert "sk-secret" not in str(engine.fingerprint())
    assert server.keys == {"Bearer sk-secret"}


@pytest.mark.parametrize("key", ["sk secret", "sk\nsecret", "密钥"])
def test_what_is_no_key_is_not_quoted(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SELIP_API_KEY", key)
    with pytest.raises(SelipError, match="SELIP_API_KEY holds more than a key") as said, engine_of(server):
        pass
    assert "secret" not in str(said.value)


def test_the_fingerprint_names_the_model_and_not_the_server(server: LoopbackServer) -> None:
    with engine_of(server) as engine, engine_of(server, rendered=False) as chat:
        assert engine.fingerprint()["model_hash"] == "served:m"
        assert server.url not in str(engine.fingerprint())
        assert engine.fingerprint() != chat.fingerprint()


# One bad reply


BAD_REPLIES = {
    "429": status(429),
    "429, 0 s": status(429, Retry_After="0"),
    "429, a date": status(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "408": status(408),
    "500": status(500, "<html>Internal Server Error</html>"),
    "502": status(502),
    "503": status(503),
    "504": status(504),
    "404": status(404),
    "redirected": status(302, Location="http://127.0.0.1:9/"),
    "dropped before": dropped_before,
    "dropped amid": dropped_amid,
    "HTML": status(200, "<html><body>Log in</body></html>"),
    "cut": status(200, '{"choices": [{"text": "a"'),
    "no choice": status(200, {"choices": []}),
    "no finish": status(200, {"choices": [{"text": "a"}]}),
    "no text": status(200, {"choices": [{"text": None, "finish_reason": "stop"}]}),
    "aborted": status(200, {"choices": [{"text": "a", "finish_reason": "abort"}]}),
}


@pytest.mark.parametrize("name", BAD_REPLIES)
def test_a_bad_reply_is_asked_again(server: LoopbackServer, name: str) -> None:
    fault = BAD_REPLIES[name]
    server.faults += [fault, fault]
    with engine_of(server) as engine:
        assert texts(engine.answers([request("a")])) == ["a"]
    assert [body["prompt"] for _, body in server.requests] == ["a", "a", "a"]


def test_a_reply_that_does_not_come_is_requested_again(server: LoopbackServer) -> None:
    server.faults += [no_reply, no_reply]
    with engine_of(server, retry_policy=replace(QUICK, read=0.5, tries=100)) as engine:
        assert texts(engine.answers([request("a")])) == ["a"]
    assert len(server.requests) >= 3
    assert {body["prompt"] for _, body in server.requests} == {"a"}


def test_a_server_is_left_alone_for_as_long_as_it_says(server: LoopbackServer) -> None:
    server.faults.append(status(429, Retry_After="1"))
    with engine_of(server) as engine:
        started = time.monotonic()
        assert texts(engine.answers([request("a")])) == ["a"]
    assert time.monotonic() - started >= 1


def test_an_ask_that_no_try_answers_fails_alone(server: LoopbackServer) -> None:
    server.faulty = lambda body: status(500) if body["prompt"] == "bad" else None
    with engine_of(server) as engine:
        found = texts(engine.answers([request("a"), request("bad"), request("b")]))
    assert found == ["a", "error: HTTP 500 Internal Server Error, 4 times", "b"]
    assert len(server.requests) == 6


@pytest.mark.parametrize("code", [400, 413, 422])
def test_an_ask_that_is_refused_is_not_asked_again_and_not_quoted(server: LoopbackServer, code: int) -> None:
    server.faults.append(status(code, {"error": {"message": "cannot parse 张三"}}))
    with engine_of(server) as engine:
        (failure,) = engine.answers([request("张三")])
        assert isinstance(failure, Failure)
        assert (failure.status, failure.note[:8]) == ("error", f"HTTP {code}")
        assert "张三" not in failure.note
        assert len(server.requests) == 1
        assert texts(engine.answers([request("b")])) == ["b"]


def test_a_prompt_that_is_too_long_says_so(server: LoopbackServer) -> None:
    words = "This model's maximum context length is 1024 tokens. However, your prompt contains 2000 input tokens"
    server.faults.append(status(400, {"error": {"message": words}}))
    with engine_of(server) as engine:
        (failure,) = engine.answers([request("a")])
    assert isinstance(failure, Failure)
    assert failure.status == "too_long"


def test_where_nothing_is_answered_the_run_ends(server: LoopbackServer) -> None:
    server.faulty = lambda _body: status(400)
    with engine_of(server) as engine, pytest.raises(SelipError, match=r"requests got no answer \(HTTP 400"):
        engine.answers([request(str(i)) for i in range(200)])
    assert len(server.requests) < 200


# A server that goes away


def test_it_is_waited_for(server: LoopbackServer) -> None:
    recovered = threading.Event()
    polls = iter([status(503), status(503)])

    def listing(handler: Handler) -> None:
        poll = next(polls, None)
        if poll is None:
            recovered.set()
        (poll or models("m"))(handler)

    prompts = [str(i) for i in range(20)]
    with engine_of(server) as engine, ThreadPoolExecutor(1) as caller:
        server.stop()
        waiting = caller.submit(engine.answers, [request(p) for p in prompts])
        server.listing = listing
        server.faulty = lambda _body: None if recovered.is_set() else status(503)
        server.start()
        assert texts(waiting.result()) == prompts
    assert recovered.is_set()


def test_with_another_model_it_gets_no_work(server: LoopbackServer) -> None:
    with engine_of(server, retry_policy=replace(QUICK, unreachable=0.2)) as engine:
        server.listing = models("other")
        server.faulty = lambda _body: status(404)
        with pytest.raises(SelipError, match=r"has not answered for .*it serves other"):
            engine.answers([request("a"), request("b")])
    assert len(server.requests) <= 2


def test_where_it_stays_away_the_run_ends(server: LoopbackServer) -> None:
    with engine_of(server, retry_policy=replace(QUICK, unreachable=0.2)) as engine:
        server.stop()
        with pytest.raises(SelipError, match="what is written stays; start the server and run the same command again"):
            engine.answers([request(str(i)) for i in range(100)])
        server.start()
        assert texts(engine.answers([request("a")])) == ["a"]


def test_where_it_stays_busy_the_run_ends(server: LoopbackServer) -> None:
    server.faulty = lambda _body: status(429)
    policy = replace(QUICK, unreachable=0.2)
    with (
        engine_of(server, retry_policy=policy) as engine,
        pytest.raises(SelipError, match=r"has not answered for .*HTTP 429"),
    ):
        engine.answers([request("a")])


# The start


def test_the_model_is_the_named_or_the_only_one(server: LoopbackServer) -> None:
    server.listing = models("base", "base")
    with engine_of(server) as engine:
        assert engine.model == "base"
    server.listing = models("base", "adapted")
    with engine_of(server, model="adapted") as engine:
        engine.answers([request("a")])
        assert server.requests[-1][1]["model"] == "adapted"
    with (
        pytest.raises(SelipError, match="does not serve another but base, adapted"),
        engine_of(server, model="another"),
    ):
        pass


UNUSABLE = {
    "serves base, adapted: name one .*--served-model": models("base", "adapted"),
    "serves no model": models(),
    r"no OpenAI-compatible server .*HTTP 200": status(200, "<html>Welcome</html>"),
    r"no OpenAI-compatible server .*no list": status(200, {"data": [{"name": "base"}]}),
    r"no OpenAI-compatible server .*list of models": status(200, ["base"]),
    r"no OpenAI-compatible server .*404.*ends in /v1": status(404),
    r"refuses access \(HTTP 401 Unauthorized\): put its key into .* SELIP_API_KEY": status(401),
    r"refuses access \(HTTP 403 Forbidden\): put": status(403),
    r"No server answers .*502": status(502),
    r"No server answers .*dropped": dropped_before,
    r"No server answers .*no reply in time": no_reply,
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_a_server_that_cannot_be_used_is_said_at_once(server: LoopbackServer, words: str) -> None:
    server.listing = UNUSABLE[words]
    policy = replace(QUICK, listing=0.5) if server.listing is no_reply else QUICK
    with pytest.raises(SelipError, match=words) as said, engine_of(server, retry_policy=policy):
        pass
    assert str(said.value).count(".") - str(said.value).count("127.0.0.1") * 3 == 1


@pytest.mark.parametrize("url", ["127.0.0.1:9", "http://127.0.0.1:9/v1", "nonsense", "http://[", ""])
def test_an_address_without_a_server_is_said_at_once(url: str) -> None:
    with pytest.raises(SelipError, match="server"):
        EndpointEngine(url, None, rendered=True, retry_policy=QUICK)
