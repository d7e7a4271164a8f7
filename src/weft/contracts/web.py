r"""The built-in contract ``web``: HTTP requests and websockets to an ASGI or WSGI application.

Method ``web.request``, arguments in this order:

=================  =========================================================================================
``method``         ``"GET"`` …
``target``         bytes, origin form as received: ``b"/path?query"``
``headers``        list of [name, value], bytes, names in lower case, hop-by-hop ones left out
``scheme``         ``"http"`` or ``"https"``
``http_version``   ``"1.0"`` or ``"1.1"``
``client``         [host, port] or None
``server``         [host, port] or None
``body``           bytes: the whole body; None: it comes as items (bytes) and ends with ``end``
``root_path``      the path at which the application is mounted, with which ``target`` begins; may be left out: ``""``
=================  =========================================================================================

The answer is either one result ``[status, head, body]``, or an item ``[status, head]``, then items of body bytes, and
the result None. ``head`` is the header block as bytes, one ``name: value\r\n`` after the other, unvalidated: whoever
writes it to a client checks it first. For a request with ``expect: 100-continue`` the callee grants 1 byte when the
application first asks for the body, and nothing before: that is when ``100 Continue`` goes out.

Method ``web.websocket``, arguments: ``target, headers, scheme, http_version, client, server, subprotocols``
(list of str)``, root_path`` (may be left out). Items from the application::

    ["accept", subprotocol | None, head]     ["send", str | bytes]     ["close", code, reason]
    ["deny", status, head, body]             refuse with this HTTP response instead of accepting

and to it: str or bytes messages, then ``["close", code, reason]``. The result is None when the application returned.
A message over ``CHUNK`` bytes (or characters) travels in pieces, in both directions: ``["part", str | bytes]`` for each
but the last.

A cancelled call is a client that left: the application gets ``http.disconnect`` or ``websocket.disconnect`` (1006).
This module is imported inside plugins: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

NAME = "web"
REQUEST = "web.request"
WEBSOCKET = "web.websocket"
CHUNK = 64 * 1024
"""Bodies and chunks larger than this are sent in pieces of at most this many bytes."""
