"""Static files: what is below the folder is served, and nothing else, whatever the path."""

from __future__ import annotations

import os
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


def test_a_client_that_has_it_is_told_so(get):
    plugin = Site(max_age=60)
    _, head, _ = get("/assets/style.css", plugin=plugin)
    assert b"cache-control: public, max-age=60" in head
    modified = head.partition(b"last-modified: ")[2].partition(b"\r\n")[0]
    asked = [(b"if-modified-since", modified)]
    assert get("/assets/style.css", headers=asked, plugin=plugin)[::2] == (304, b"")
    assert get("/assets/style.css", headers=[(b"if-modified-since", b"long ago")], plugin=plugin)[0] == 200


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
