"""go-plugin's ``http_services`` on a server: routes, labels, parameters, and what becomes of each result."""

from __future__ import annotations

import json

import httpx
import pytest

CODE = """
def Execute(ctx):
    label = ctx.get_value("label")
    if label == "get":
        return {"id": ctx.get_value("id"), "asked": ctx.get_value("request").query.get("q")}
    if label == "special":
        return "special"
    if label == "post":
        return ctx.get_value("request").json()
    if label == "nothing":
        return None
    if label == "bytes":
        return b"\\x00\\x01"
    if label == "raises":
        raise ValueError("a secret of the plugin's")
    if label == "wrong":
        return 7
    if label == "nan":
        return {"is": float("nan")}
    if label == "rest":
        return ctx.get_value("*")
    if label == "asgi":
        return teapot
    if label == "deadline":
        return {"left": ctx.time_left(), "is": ctx.deadline is not None}
    return "no label: " + str(ctx.get_value("say"))


async def teapot(scope, receive, send):
    await send({"type": "http.response.start", "status": 418, "headers": [(b"x-tea", b"yes")]})
    await send({"type": "http.response.body", "body": b"short and stout"})
"""
ROUTES = [
    ("/api/plugin/sample/:id", "GET", "get"),
    ("/api/plugin/sample/special", "GET", "special"),
    ("/api/plugin/samples", "POST", "post"),
    ("/api/plugin/samples", "DELETE", "nothing"),
    ("/bytes", "GET", "bytes"),
    ("/raises", "GET", "raises"),
    ("/wrong", "GET", "wrong"),
    ("/nan", "GET", "nan"),
    ("/files/*", "GET", "rest"),
    ("/tea", "get", "asgi"),
    ("/deadline", "GET", "deadline"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The plugin's folder."""
    folder = tmp_path_factory.mktemp("plugins") / "sample"
    folder.mkdir()
    (folder / "sample.py").write_text(CODE)
    routes = [dict(zip(("route", "method", "label"), each, strict=True)) for each in ROUTES]
    (folder / "plugin.json").write_text(
        json.dumps(
            {
                "name": "sample",
                "version": "0.1.0",
                "source": {"mode": "local_so", "path": "sample.so"},
                "http_services": {"driver": "beego", "routes": routes},
            }
        )
    )
    return folder


@pytest.fixture(scope="module")
def server(shared_weft_server, sample):
    return shared_weft_server(sample)


@pytest.fixture
def client(server):
    headers = {"host": f"sample.localhost:{server.port}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
        yield client


def test_a_route_with_a_parameter(client):
    answer = client.get("/api/plugin/sample/a%20b", params={"q": "x"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"id": "a b", "asked": ["x"]}


def test_a_plain_route_goes_before_one_with_a_parameter(client):
    assert client.get("/api/plugin/sample/special").text == "special"


def test_the_request_is_in_the_context(client):
    assert client.post("/api/plugin/samples", json=[1, {"a": 2}]).json() == [1, {"a": 2}]


def test_each_kind_of_result(client):
    nothing = client.delete("/api/plugin/samples")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert client.get("/bytes").content == b"\x00\x01"
    assert client.get("/files/a/b.txt").text == "a/b.txt"
    tea = client.get("/tea")
    assert (tea.status_code, tea.headers["x-tea"], tea.text) == (418, "yes", "short and stout")


@pytest.mark.parametrize(
    ("path", "logged"),
    [("/raises", "a secret of the plugin's"), ("/wrong", "Execute returned int"), ("/nan", "not JSON compliant")],
)
def test_what_is_raised_is_500_and_only_the_log_says_why(client, server, path, logged):
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert logged in httpx.get(f"{server.url}/api/v1/plugins/sample/logs", timeout=20).text


def test_a_wrong_method_and_no_route(client):
    answer = client.put("/api/plugin/samples")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, POST")
    answer = client.post("/bytes")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert client.get("/api/plugin/elsewhere").status_code == 404
    assert client.get("/api/plugin/sample/a/b").status_code == 404
    assert client.head("/bytes").status_code == 200


def test_a_request_has_the_deadline_of_a_call(client):
    found = client.get("/deadline").json()
    assert found["is"] is True
    assert 25 < found["left"] <= 30  # limits.call, as nobody says otherwise


def test_the_task_can_be_run_as_well(server):
    answer = httpx.post(f"{server.url}/api/v1/plugins/sample/run", json={"values": {"say": "hello"}}, timeout=20)
    assert answer.json() == {"result": "no label: hello", "values": {}}


SEEDS_SWITCH = """
def Execute(ctx):
    label = ctx.GetValue("label")
    if label is None:
        raise ValueError("label is not set in the plugin context")
    if label == "plugin.get":
        return {"got": ctx.GetValue("id")}
    if label == "plugin.post":
        return {"posted": ctx.GetValue("request").json()}
    raise ValueError("not supported")
"""


def test_go_plugins_own_example_is_served_as_it_stands(weft_server, tmp_path, go_plugins_example):
    folder = tmp_path / "plugins" / "go-plugin"
    folder.mkdir(parents=True)
    (folder / "plugin.json").write_text(go_plugins_example)
    (folder / "sample.py").write_text(SEEDS_SWITCH)
    server = weft_server(folder.parent)
    with httpx.Client(base_url=server.url, headers={"host": "go-plugin.localhost"}, timeout=20) as client:
        assert client.get("/api/plugin/sample/7").json() == {"got": "7"}
        assert client.post("/api/plugin/samples", json=[1]).json() == {"posted": [1]}
        assert client.delete("/api/plugin/samples").status_code == 405
        run = httpx.post(f"{server.url}/api/v1/plugins/go-plugin/run", json={"values": {}}, timeout=20)
        assert "label is not set in the plugin context" in run.text
        metrics = httpx.get(f"{server.url}/metrics", timeout=20).text
    assert 'weft_plugin_requests_total{plugin="go-plugin",status="2xx"} 2.0' in metrics


def test_in_a_folder_of_plugins_the_name_is_the_folders(weft_server, sample, tmp_path):
    other = tmp_path / "plugins" / "renamed"
    other.mkdir(parents=True)
    for file in sample.iterdir():
        (other / file.name).write_text(file.read_text())
    server = weft_server(tmp_path / "plugins")
    assert "is named sample, and its folder renamed" in server.text
