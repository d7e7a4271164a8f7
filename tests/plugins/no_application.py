"""Its entry is neither ASGI nor WSGI."""

app = {"name": "no application"}
