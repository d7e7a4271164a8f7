"""The methods of a contract as functions that block: each hands its call to the loop and waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from weft.contracts.description import Method
from weft.sync.portal import Portal
from weft.sync.stream import Stream
from weft.sync.visits import Visits

Function = Callable[..., Any]


def blocking(portal: Portal[Any], method: Method, function: Function) -> Function:
    """``function``, which gives an awaitable or an asynchronous iterator, for threads without a loop.

    What is returned gets every argument in its place.
    """
    function = _placed(method, function)
    if method.callbacks or method.stream_in is not None:
        return partial(_visited, portal, method, function)
    return partial(_stream, portal, function) if method.streams else _plain(portal, function)


def _placed(method: Method, function: Function) -> Function:
    keywords = [each.name for each in method.parameters if each.keyword_only]
    if not keywords:
        return function
    places = len(method.parameters) - len(keywords)
    return lambda *values: function(*values[:places], **dict(zip(keywords, values[places:], strict=True)))


def _plain(portal: Portal[Any], function: Callable[..., Awaitable[Any]]) -> Function:
    begin, wait = portal.begin, portal.wait

    def call(*values: Any) -> Any:
        return wait(begin(lambda: function(*values)))

    return call


def _stream(portal: Portal[Any], function: Function, *values: Any) -> Stream[Any]:
    return Stream(portal, lambda: function(*values))


def _visited(portal: Portal[Any], method: Method, function: Function, *values: Any) -> Any:
    visits = Visits(portal)
    given = list(values)
    for place in method.callbacks:
        given[place] = visits.callback(given[place])
    if method.stream_in is not None:
        given[method.stream_in] = visits.items(given[method.stream_in])
    if method.streams:
        return Stream(portal, lambda: function(*given), visits.mail)
    return portal.wait(portal.begin(lambda: function(*given), visits.mail))
