# /// script
# [tool.weft]
# name = "manager"
# title = "Manager"
# permissions.manage = true
# permissions.env = ["GLOOM_RPC"]
# ///
"""A management page of one's own, on GLoom's RPC: what is served, and a button that removes it."""

import base64
import html
import itertools
import json
import os
import socket

HOST, _, PORT = os.environ.get("GLOOM_RPC", "127.0.0.1:7143").rpartition(":")
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Plugins</title>
<style>body { margin: 2rem; font: 1.1rem/1.5 Georgia, serif } td { padding: .2rem 1rem .2rem 0 }</style>
<h1>Plugins</h1><table>%s</table>
<script>
  for (const button of document.querySelectorAll("button"))
    button.onclick = () => fetch("/plugins/" + button.value, {method: "DELETE"}).then(() => location.reload())
</script></html>"""
ROW = '<tr><td>{name}<td>{domains}<td><button value="{name}">Remove</button>'


class Rpc:
    """JSON-RPC 1.0, as Go's net/rpc/jsonrpc speaks it: a connection for each call is enough here."""

    numbers = itertools.count(1)

    def call(self, method, argument):
        call = {"method": f"GloomRPC.{method}", "params": [argument], "id": next(self.numbers)}
        with socket.create_connection((HOST, int(PORT)), timeout=60) as connection:
            connection.sendall(json.dumps(call).encode())
            line = connection.makefile("rb").readline()
        if not line:
            raise ConnectionError("the server closed the connection: this plugin needs the permission 'manage'")
        answer = json.loads(line)
        if answer["error"] is not None:
            raise ValueError(answer["error"])
        return answer["result"]


class Manager:
    def __init__(self):
        self.rpc = Rpc()

    def init(self):
        return None

    def register_routes(self, router):
        router.get("/", self.page)
        router.put("/plugins/:name", self.upload)
        router.delete("/plugins/:name", self.remove)

    def page(self, _request):
        plugins = self.rpc.call("ListPlugins", {})
        rows = ({"name": each["name"], "domains": ", ".join(each["domains"])} for each in plugins)
        return PAGE % "".join(ROW.format(**{key: html.escape(text) for key, text in row.items()}) for row in rows)

    def upload(self, request):
        name = request.params["name"]
        sent = {"name": name, "domains": request.query.get("domain", [f"{name}.localhost"])}
        try:
            return self.rpc.call("UploadPlugin", {**sent, "data": base64.b64encode(request.body).decode()}) + "\n"
        except ValueError as error:
            return 400, f"{error}\n"

    def remove(self, request):
        return self.rpc.call("DeletePlugin", request.params["name"]) + "\n"


Plugin = Manager()
