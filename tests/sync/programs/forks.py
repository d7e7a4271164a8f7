"""Forks in the way that its second argument names; the child tries the engine, and ends; the parent's goes on."""

import multiprocessing
import os
import subprocess
import sys
import warnings

from shop import STATE, answer, run

import weft.sync
from weft.errors import UsageError

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
WAY = sys.argv[2]


def child(engine):
    try:
        engine.call(answer)
    except UsageError as error:
        print(error, flush=True)
    subprocess.run(["true"], check=True)
    with weft.sync.Engine(STATE / "child") as own:
        run(own)
        print("child", *own.call(answer), flush=True)


def fork(engine):
    pid = os.fork()
    if pid == 0:
        child(engine)
        engine.close()
        sys.exit(0)  # through the interpreter's whole finalization
    return os.waitpid(pid, 0)[1]


def multiprocess(engine, method):
    process = multiprocessing.get_context(method).Process(target=child, args=(engine,))
    try:
        process.start()
    except UsageError as error:
        print(error)
        return None
    process.join()
    return process.exitcode


def main():
    with weft.sync.Engine(STATE) as engine:
        plugin = run(engine)
        pid = plugin.instances[0].pid
        code = multiprocess(engine, WAY) if WAY in ("fork", "spawn") else fork(engine)
        print("parent", code, *engine.call(answer), flush=True)
        assert plugin.instances[0].pid == pid
        assert plugin.stats()["restarts"] == 0


if __name__ == "__main__":
    main()
