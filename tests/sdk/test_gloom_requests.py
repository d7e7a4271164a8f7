"""What handlers of GLoom's shape read of requests, and say in responses."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sdk.gloom import HttpError, application
from weft.sdk.gloom.forms import MAX_FIELDS, parse_form
from weft.sdk.gloom.requests import Headers

MULTIPART = "multipart/form-data; boundary=cut"


def part(name, content, *, file=None):
    """One part of a form whose boundary is ``cut``."""
    shown = b"" if file is None else f'; filename="{file}"\r\nContent-Type: image/png'.encode()
    return (
        b'--cut\r\nContent-Disposition: form-data; name="'
        + name.encode()
        + b'"'
        + shown
        + b"\r\n\r\n"
        + content
        + b"\r\n"
    )


@given(st.lists(st.tuples(st.text("ab é", min_size=1), st.binary()).filter(lambda each: b"--cut" not in each[1])))
def test_files_of_a_form_are_what_was_sent(sent):
    body = b"".join(part(name, content, file="x.png") for name, content in sent) + b"--cut--\r\n"
    fields, files = parse_form(MULTIPART, body)
    assert fields == {}
    expected = {}
    for name, content in sent:
        expected.setdefault(name, []).append(content)
    assert {name: [each.content for each in of] for name, of in files.items()} == expected
    assert all((each.name, each.content_type) == ("x.png", "image/png") for of in files.values() for each in of)


@given(st.binary() | st.builds(bytes.join, st.just(b"--cut\r\n"), st.lists(st.binary())), st.text())
def test_no_form_does_more_than_be_refused(body, content_type):
    for kind in (MULTIPART, content_type, "application/x-www-form-urlencoded"):
        try:
            parse_form(kind, body)
        except HttpError as error:
            assert error.status in (400, 415)


@pytest.mark.parametrize("body", [b"", b"--cut", b"--cut\r\n\r\n", part("a", b"1"), b"--cutter\r\n--cut--"])
def test_a_form_that_is_cut_short_is_refused(body):
    with pytest.raises(HttpError, match="not what its content type says|no name"):
        parse_form(MULTIPART, body)


def test_a_form_with_too_many_fields_is_refused():
    for kind, body in (
        (MULTIPART, part("a", b"") * (MAX_FIELDS + 2) + b"--cut--"),
        ("application/x-www-form-urlencoded", b"a=1&" * (MAX_FIELDS + 2)),
    ):
        with pytest.raises(HttpError, match="more than"):
            parse_form(kind, body)


def test_headers_are_found_in_any_spelling():
    headers = Headers(
        [(b"X-One", b"1"), (b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    )
    assert dict(headers) == {"x-one": "1", "accept": "a, b", "cookie": "a=1; b=2"}
    assert headers["x-ONE"] == "1"
    assert headers.get("x-two") is None


class Plugin:
    def init(self): ...

    def register_routes(self, router):
        router.post(
            "/form", lambda request: {**request.form(), "files": [len(f.content) for f in request.files()["f"]]}
        )
        router.post("/json", lambda request: request.json())
        router.get("/cookies", lambda request: request.cookies)
        router.get("/set", lambda request: request.response.cookie("a", "1 2", max_age=5, samesite="Lax").text("set"))
        router.get("/forget", lambda request: request.response.clear_cookie("a").text("gone"))
        router.get("/away", lambda request: request.response.redirect("/ä\r\nx: y"))
        router.get("/created", lambda request: request.response.status(201).set("X-A", "1").json({"made": True}))
        router.get("/quiet", lambda request: request.response.status(202) and None)
        router.get("/type", lambda request: request.response.type("css").text("a {}"))
        router.get("/gone", lambda request: request.response.file("/nowhere"))
        router.get("/self", lambda request: request.response.download(__file__, "ä.py"))
        router.get("/split", lambda request: request.response.set("x", "a\r\nb: c").text(""))
        router.get("/plain", self.plain)
        router.get("/async", self.later)
        router.get("/breaks", self.breaks)
        router.get("/stops", lambda request: next(iter(())))

    def plain(self, request):
        yield "one "
        yield b"two"

    async def later(self, request):
        yield "one "
        yield b"two"

    def breaks(self, request):
        yield from ()
        raise ValueError("in a stream")


@pytest.fixture
def ask(run, site):
    """``ask(target)``: status, head and body."""

    def ask(target, *, plugin=None, method="GET", body=b"", headers=()):
        async def main():
            async with site(await application(plugin or Plugin(), 1)) as its:
                client = its.request(target, method=method, body=body, headers=headers)
                result = await client.over()
                if result is not None:
                    return tuple(result)
                (status, head), *pieces = client.items
                return status, head, b"".join(pieces)

        return run(main())

    return ask


def test_bodies_and_cookies(ask):
    form = part("a", b"1") + part("a", b"2") + part("f", b"\r\n\0", file="../x") + b"--cut--"
    sent = ask(b"/form", method="POST", body=form, headers=[(b"content-type", MULTIPART.encode())])
    assert json.loads(sent[2]) == {"a": ["1", "2"], "files": [3]}
    assert ask(b"/form", method="POST", body=b"{}", headers=[(b"content-type", b"text/plain")])[0] == 415
    assert ask(b"/json", method="POST", body=b"[1]")[2] == b"[1]"
    assert ask(b"/json", method="POST", body=b"[" * 100_000)[0] == 400
    asked = ask(b"/cookies", headers=[(b"cookie", b'a="1"; b; c=2=3; a=later; =x')])
    assert json.loads(asked[2]) == {"a": "1", "b": "", "c": "2=3"}


@pytest.mark.parametrize(
    ("target", "status", "head", "body"),
    [
        (b"/set", 200, b'set-cookie: a="1 2"; Max-Age=5; Path=/; SameSite=Lax\r\n', b"set"),
        (b"/forget", 200, b'set-cookie: a=""; Max-Age=0; Path=/\r\n', b"gone"),
        (b"/away", 302, b"location: /%C3%A4%0D%0Ax:%20y\r\n", b""),
        (b"/created", 201, b"x-a: 1\r\n", b'{"made": true}'),
        (b"/quiet", 202, b"", b""),
        (b"/type", 200, b"content-type: text/css\r\n", b"a {}"),
        (b"/gone", 404, b"text/plain", b"Not Found"),
        (b"/split", 500, b"", b"Internal Server Error"),
        (b"/plain", 200, b"application/octet-stream", b"one two"),
        (b"/async", 200, b"application/octet-stream", b"one two"),
        (b"/breaks", 500, b"", b"Internal Server Error"),
        (b"/stops", 500, b"", b"Internal Server Error"),
    ],
)
def test_responses(ask, target, status, head, body):
    found = ask(target)
    assert (found[0], found[2]) == (status, body)
    assert head in found[1]


def test_a_file_to_be_saved(ask):
    status, head, body = ask(b"/self")
    assert (status, body) == (200, Path(__file__).read_bytes())
    assert b"content-disposition: attachment; filename*=UTF-8''%C3%A4.py\r\n" in head


def test_a_stream_ends_with_its_client(run, site):
    ended = []

    class Endless(Plugin):
        def plain(self, request):
            try:
                while True:
                    time.sleep(0.01)
                    yield b"x" * 1000
            finally:
                ended.append(True)

    async def main():
        async with site(await application(Endless(), 1)) as its:
            client = its.request(b"/plain")
            await client.until(3)
            client.call.cancel()
            assert (await its.request(b"/nowhere").over())[0] == 404
            async with asyncio.timeout(10):
                while not ended:
                    await asyncio.sleep(0.01)
            assert (await its.request(b"/quiet").over())[0] == 202

    run(main())
    assert ended == [True]
