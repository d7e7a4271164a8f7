"""Sends itself as many descriptors as its kernel lets it, and takes none: ``/`` answers what stopped it."""

import array
import os
import socket

KEPT = []


def fill():
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        while True:
            sender, receiver = socket.socketpair()
            KEPT.append((sender, receiver))
            for _ in range(4):
                sender.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [nothing] * 250))])
    except OSError as error:
        return error.strerror


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = fill().encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
