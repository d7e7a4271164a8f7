"""Takes more than it may have: /memory, /disk, /processes; otherwise it answers."""

import os
import time


def take_memory():
    kept = []
    while True:
        kept.append(bytearray(b"x" * 1024 * 1024))
        time.sleep(0.001)  # where nobody but a watcher looks, it is given the time to


def take_disk():
    for number in range(100):
        with open(os.path.join(os.environ["WEFT_DATA_DIR"], f"file-{number}"), "wb") as file:
            file.write(b"x" * 1024 * 1024)


def take_processes():
    for _ in range(1000):
        if os.fork() == 0:
            time.sleep(600)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = b"done"
    try:
        {"/memory": take_memory, "/disk": take_disk, "/processes": take_processes}.get(scope["path"], dict)()
    except OSError as error:
        body = type(error).__name__.encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
