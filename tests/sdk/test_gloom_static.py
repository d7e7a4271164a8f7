"""Static files: what is below the folder is served, and nothing else, whatever the path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.sdk.gloom import application

SECRET = b"not to be seen"


class Site:
    def __init__(self, root="public", **options):
        self.root, self.options = root, options

    def init(self): ...

    def register_routes(self, router):
        router.static("/assets/", self.root, **self.options)
        router.get("/assets/made", lambda request: request.response.text("made"))


@pytest.fixture
def folders(tmp_path):
    """A plugin's own folder with files and links, and its data folder; a secret beside them."""
    own, data = tmp_path / "plugin", tmp_path / "data"
    inner = own / "public" / "inner"
    inner.mkdir(parents=True)
    (data / "uploads").mkdir(parents=True)
    (own / "public" / "style.css").write_text("body { color: teal }")
    (own / "public" / "ä b.txt").write_text("ä")
    (own / "public" / "large.bin").write_bytes(b"x" * 300_000)
    (own / "public" / "empty").touch()
    (inner / "index.html").write_text("<h1>Inside")
    for secret in (tmp_path / "secret", own / "secret", data / "secret", tmp_path / "plugin-2"):
        secret.write_bytes(SECRET)
    (own / "public" / "out").symlink_to(own / "secret")
    (own / "public" / "up").symlink_to(tmp_path)
    (own / "public" / "within").symlink_to("style.css")
    (own / "public" / "loop").symlink_to("loop")
    os.mkfifo(own / "public" / "pipe")
    return str(own), str(data)


@pytest.fixture
def get(run, site, folders):
    """``get(target)``: status, headers and body."""

    def ask(target, *, method="GET", headers=(), plugin=None):
        async def main():
            async with site(await application(plugin or Site(), 2, folders)) as its:
                client = its.request(target.encode(), method=method, headers=headers)
                result = await client.over()
                if result is not None:
                    return tuple(result)
                (status, head), *pieces = client.items
                return status, head, b"".join(pieces)

        return run(main())

    return ask


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("style.css", b"text/css; charset=utf-8", b"body { color: teal }"),
        ("within", b"application/octet-stream", b"body { color: teal }"),
        ("%C3%A4%20b.txt", b"text/plain; charset=utf-8", "ä".encode()),
        ("inner", b"text/html; charset=utf-8", b"<h1>Inside"),
        ("inner/", b"text/html; charset=utf-8", b"<h1>Inside"),
        ("large.bin", b"application/octet-stream", b"x" * 300_000),
        ("empty", b"application/octet-stream", b""),
        ("made", b"text/plain; charset=utf-8", b"made"),
    ],
)
def test_what_is_there_is_served(get, path, kind, body):
    status, head, sent = get(f"/assets/{path}")
    assert (status, sent) == (200, body)
    assert b"content-type: " + kind in head or path == "within"


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%5csecret", "%252e%252e%252fsecret",
        "inner/../../secret", "inner/../style.css", "./style.css", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd",
        "out", "up/secret", "up/plugin/secret", "up", "loop", "loop/x", "pipe", "style.css%00", "%00", "x" * 300,
        "x/" * 3000,
        "style.css/x", "..", ".", "%ff%fe", "..%c0%afsecret", "~/secret", "nowhere",
    ],
)  # fmt: skip
def test_nothing_outside_is_served(get, path):
    status, _, sent = get(f"/assets/{path}")
    assert status == 404
    assert SECRET not in sent


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["..", ".", "", "up", "out", "inner", "secret", "plugin", "etc", "\0", "\\", "%2e"])))
def test_no_path_leads_out(get, names):
    for path in ("/".join(names), quote("/".join(names), safe="")):
        assert SECRET not in get(f"/assets/{path}")[2]


LARGE = bytes(range(256)) * 1000


@pytest.fixture
def large(folders):
    """A file in the folder that is served."""
    path = Path(folders[0], "public", "large")
    path.write_bytes(LARGE)
    return path


def header(head, name):
    return (b"\r\n" + head).partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def test_a_client_that_has_it_is_told_so(get):
    plugin = Site(max_age=60)
    _, head, _ = get("/assets/style.css", plugin=plugin)
    assert header(head, b"cache-control") == b"public, max-age=60"
    tag, modified = header(head, b"etag"), header(head, b"last-modified")
    cases = [
        ([(b"if-none-match", tag)], 304),
        ([(b"if-none-match", b'"other", W/' + tag)], 304),
        ([(b"if-none-match", b"*")], 304),
        ([(b"if-none-match", b'"other"')], 200),
        ([(b"if-none-match", b'"other"'), (b"if-modified-since", modified)], 200),
        ([(b"if-none-match", tag), (b"range", b"bytes=0-1")], 304),
        ([(b"if-modified-since", modified)], 304),
        ([(b"if-modified-since", b"Thu, 01 Jan 1970 00:00:00 GMT")], 200),
        ([(b"if-modified-since", b"long ago")], 200),
    ]
    for headers, expected in cases:
        status, head, body = get("/assets/style.css", headers=headers, plugin=plugin)
        assert (status, bool(body), header(head, b"etag")) == (expected, expected == 200, tag), headers
        assert header(head, b"cache-control") == b"public, max-age=60"


def test_a_file_that_changes_has_another_tag(get, large):
    before = header(get("/assets/large")[1], b"etag")
    os.utime(large, ns=(1, 1))
    assert get("/assets/large", headers=[(b"if-none-match", before)])[0] == 200


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        (b"bytes=0-0", 0, 1),
        (b"bytes=100-199999", 100, 200_000),
        (b"bytes=255999-", 255_999, 256_000),
        (b"bytes=5-99999999", 5, 256_000),
        (b"bytes=-7", 255_993, 256_000),
        (b"bytes=-999999", 0, 256_000),
        (b"Bytes = 3-4", 3, 5),
    ],
)
def test_a_part_is_served(get, large, asked, begin, end):
    status, head, sent = get("/assets/large", headers=[(b"range", asked)])
    assert (status, sent) == (206, LARGE[begin:end])
    assert header(head, b"content-range") == b"bytes %d-%d/256000" % (begin, end - 1)
    assert header(head, b"content-length") == b"%d" % (end - begin)


@pytest.mark.parametrize("asked", [b"bytes=256000-", b"bytes=999999-9999999", b"bytes=-0"])
def test_a_part_that_it_does_not_have_is_refused(get, large, asked):
    status, head, sent = get("/assets/large", headers=[(b"range", asked)])
    assert (status, sent, header(head, b"content-range")) == (416, b"", b"bytes */256000")


@pytest.mark.parametrize(
    "asked",
    [
        b"bytes=0-1,5-6", b"bytes=9-3", b"bytes=-", b"bytes=a-b", b"lines=0-1", b"bytes", b"",
        b"bytes=" + b"9" * 5000 + b"-",
    ],
)  # fmt: skip
def test_what_is_no_part_is_the_whole(get, large, asked):
    status, head, sent = get("/assets/large", headers=[(b"range", asked)])
    assert (status, sent, header(head, b"accept-ranges")) == (200, LARGE, b"bytes")


def test_a_part_is_of_what_the_client_knows_or_it_is_the_whole(get, large):
    _, head, _ = get("/assets/large")
    part = (b"range", b"bytes=0-9")
    for known in (header(head, b"etag"), header(head, b"last-modified")):
        assert get("/assets/large", headers=[part, (b"if-range", known)])[0] == 206
    for known in (b'"other"', b"Thu, 01 Jan 1970 00:00:00 GMT"):
        assert get("/assets/large", headers=[part, (b"if-range", known)])[0] == 200


def test_an_empty_file_has_no_part(get):
    assert get("/assets/empty", headers=[(b"range", b"bytes=0-")])[0] == 416
    assert get("/assets/empty", headers=[(b"range", b"bytes=-5")])[::2] == (200, b"")


def test_a_handlers_file_has_parts_too_and_its_other_answers_have_none(get, large):
    class Sends(Site):
        def register_routes(self, router):
            router.use(self.marked)
            router.get("/sent", lambda request: request.response.download(large))
            router.get("/failed", lambda request: request.response.status(500).file(large))
            router.get("/text", lambda request: "whole")
            router.post("/sent", lambda request: request.response.file(large))

        async def marked(self, request):
            response = await request.next()
            return response.set("x-seen", str(response.code))

    part = [(b"range", b"bytes=1-2")]
    status, head, sent = get("/sent", headers=part, plugin=Sends())
    assert (status, sent, header(head, b"x-seen")) == (206, LARGE[1:3], b"200")
    assert header(head, b"content-disposition") == b"attachment; filename*=UTF-8''large"
    assert get("/failed", headers=part, plugin=Sends())[::2] == (500, LARGE)
    assert get("/text", headers=part, plugin=Sends())[::2] == (200, b"whole")
    assert get("/sent", method="POST", headers=part, plugin=Sends())[::2] == (200, LARGE)
    assert get("/sent", method="HEAD", headers=part, plugin=Sends())[::2] == (200, b"")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(alphabet="bytes=-,0123456789 \u0661", max_size=20),
        st.from_regex(r"bytes=[0-9]{0,7}-[0-9]{0,7}", fullmatch=True),
    )
)
def test_whatever_part_is_asked_for_its_bytes_are_those_of_the_file(get, large, asked):
    headers = [(b"range", asked.encode())]
    status, head, sent = get("/assets/large", headers=headers)
    if status == 206:
        begin, end = map(int, re.fullmatch(rb"bytes (\d+)-(\d+)/256000", header(head, b"content-range")).groups())
        assert sent == LARGE[begin : end + 1]
        assert len(sent) > 0
    else:
        assert (status, sent) in ((200, LARGE), (416, b""))


def test_one_file_may_answer_every_path(get):
    class Single(Site):
        def register_routes(self, router):
            router.static("/style", "public/style.css")
            router.get("/api", lambda request: "api")
            router.static("*", "public/inner/index.html")

    answers = [get(path, plugin=Single())[2] for path in ("/", "/some/where", "/style", "/style/x", "/api")]
    page = b"<h1>Inside"
    assert answers == [page, page, b"body { color: teal }", page, b"api"]


def test_a_folder_that_is_not_there_is_told_and_served_once_it_is(get, folders, caplog):
    later = Site("later")
    assert get("/assets/x", plugin=later)[0] == 404
    assert "static: there is no" in caplog.text
    Path(folders[0], "later").mkdir()
    Path(folders[0], "later", "x").write_text("now")
    assert get("/assets/x", plugin=later)[2] == b"now"


def test_what_a_folder_holds_is_not_listed(get):
    assert get("/assets/")[0] == 404
    assert get("/assets/inner/", plugin=Site(index="none.html"))[0] == 404
    asked = [(b"accept-encoding", b"gzip, br")]
    assert header(get("/assets/style.css", headers=asked)[1], b"content-encoding") == b""


def test_head_has_the_length_alone(get):
    status, head, sent = get("/assets/large.bin", method="HEAD")
    assert (status, sent) == (200, b"")
    assert b"content-length: 300000" in head
    assert get("/assets/large.bin", method="POST")[0] == 404


def test_the_data_folder_may_be_served_and_others_not(get, run, folders, tmp_path):
    own, data = folders
    (tmp_path / "data" / "uploads" / "cat.png").write_bytes(b"meow")
    assert get("/assets/cat.png", plugin=Site(f"{data}/uploads"))[::2] == (200, b"meow")
    for root in (str(tmp_path), "..", "public/up", f"{own}-2", "/"):
        with pytest.raises(ValueError, match="neither in the plugin's own folder nor in its data folder"):
            run(application(Site(root), 1, folders))
