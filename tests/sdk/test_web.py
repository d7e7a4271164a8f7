"""Telling what a web application is, without configuration."""

from __future__ import annotations

import functools

import pytest

from weft.sdk.web import kind_of


async def asgi_function(scope, receive, send): ...


def asgi_plain_function(scope, receive, send): ...


def wsgi_function(environ, start_response): ...


class AsgiObject:
    async def __call__(self, scope, receive, send): ...

    async def method(self, scope, receive, send): ...


class WsgiObject:
    """As Flask and Django's WSGIHandler are."""

    def __call__(self, environ, start_response): ...

    def method(self, environ, start_response): ...


class Gloom:
    def init(self): ...

    def register_routes(self, router): ...


class GloomInGo:
    def Init(self): ...  # noqa: N802

    def RegisterRoutes(self, router): ...  # noqa: N802


@functools.wraps(asgi_function)
def wrapped(*args, **kwargs): ...


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (asgi_function, "asgi"),
        (asgi_plain_function, "asgi"),
        (AsgiObject(), "asgi"),
        (AsgiObject().method, "asgi"),
        (functools.partial(asgi_function), "asgi"),
        (wrapped, "asgi"),
        (wsgi_function, "wsgi"),
        (WsgiObject(), "wsgi"),
        (WsgiObject().method, "wsgi"),
        (lambda environ, start_response, debug=False: None, "wsgi"),
        (Gloom, "gloom"),
        (Gloom(), "gloom"),
        (GloomInGo(), "gloom"),
        (AsgiObject, None),
        (lambda: None, None),
        (lambda one: None, None),
        ({"no": "application"}, None),
        (None, None),
        ("module:app", None),
    ],
)
def test_kinds(entry, kind):
    assert kind_of(entry) == kind
