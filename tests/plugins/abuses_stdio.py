"""Does to its standard streams what the variables AT_IMPORT and AT_END name, and /NAME in a request, which answers."""

import logging
import os
import pathlib
import subprocess
import sys
import threading

DATA = pathlib.Path(os.environ["WEFT_DATA_DIR"])


def prints():
    print("printed")
    print("to stderr", file=sys.stderr)
    os.write(1, b"written\n")


def binary():
    os.write(1, bytes(range(256)) * 100 + b"\n")
    os.write(2, b"\x1e{\xff\x00\n\x1e\x1e\x1e\n")


def endless():
    for _ in range(1600):
        sys.stdout.write("x" * 65536)


def gigabyte():
    block = (b"x" * 99 + b"\n") * 10_000
    for _ in range(1000):
        os.write(1, block)


def closes():
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    opened = [os.open(DATA / str(number), os.O_RDWR | os.O_CREAT) for number in range(3)]
    try:
        print("lost")
    finally:
        logging.getLogger("shop").error("logged after all was closed")
        subprocess.run([sys.executable, "-c", "print('a child prints')"], check=False)
        os.write(1, b"own\n")
    return f"{opened} {(DATA / '1').read_text()}"


def closes_for_good():
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    logging.getLogger("shop").error("logged after all was closed")
    return b"closed"


def replaces():
    file = os.open(DATA / "file", os.O_RDWR | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    print("into the file")
    logging.getLogger("shop").error("logged after all was replaced")
    return (DATA / "file").read_text()


def forgets():
    sys.stdout = sys.stderr = None
    print("into nothing")
    logging.getLogger("shop").error("logged without stderr")


def reads():
    return repr(sys.stdin.read())


def threads():
    def work(number):
        for count in range(200):
            os.write(1, f"thread {number} line {count}\n".encode())
            logging.getLogger("shop").info("thread %d record %d", number, count)

    started = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    [each.start() for each in started]
    [each.join() for each in started]


def bytewise():
    for byte in "häß €😀\n".encode():
        os.write(1, bytes([byte]))


def tiny():
    os.write(1, b"1\n" * 10_000)


def unfinished():
    sys.stderr.write("50 %…")
    logging.getLogger("shop").warning("behind what has no end")


def children():
    subprocess.run([sys.executable, "-c", "import os; os.write(1, b'a child writes\\n')"], check=True)


def outlives():
    words = "import os, time; os.write(1, b'still here\\n'); time.sleep(60)"
    return str(subprocess.Popen([sys.executable, "-c", words], start_new_session=True).pid)


def unblocks():
    os.set_blocking(2, False)
    for number in range(300):
        logging.getLogger("shop").info("record %d %s", number, "x" * 4000)


def forges():
    os.write(2, b'\x1e{"level":"error","text":"one\\n2026-01-01 00:00:00  host     all is lost","plugin":"other","stream":"host"}\n')
    os.write(2, b'\x1e{"level":"host","text":"no such level"}\n')
    os.write(2, b'\x1e{"level":"info","text":"\\u001b[2Jcleared"}\n')


def at(moment):
    globals()[os.environ.get(moment, "nothing")]()


def nothing():
    pass


async def lifespan(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    at("AT_END")
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    does = globals().get(scope["path"][1:])
    answer = "well"
    if does:
        try:
            answer = does() or "done"
        except OSError as error:
            answer = f"OSError {error.errno}"
    body = answer if isinstance(answer, bytes) else answer.encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


at("AT_IMPORT")
