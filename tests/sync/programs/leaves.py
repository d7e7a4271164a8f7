"""Ends without closing its engine, in the way that its second argument names."""

import atexit
import os
import sys
import threading
import time

from shop import STATE, answer, hang, run

import weft.sync

WAY = sys.argv[2]
engine = weft.sync.Engine(None if "temporary" in WAY else STATE).start()
run(engine, "blocks_loop" if WAY == "calling" else "hello")

if WAY.startswith("atexit"):
    atexit.register(lambda: print("closed", engine.close()))
elif WAY == "calling":  # a thread waits in a call while the interpreter ends
    threading.Thread(target=engine.call, args=(hang,), daemon=True).start()
    while engine.plugin("shop").stats()["in_flight"] == 0:
        time.sleep(0.01)
elif WAY == "exit":
    sys.exit(0)
elif WAY == "at-once":
    os._exit(0)
elif WAY == "thread":  # one that outlives the main thread
    threading.Thread(target=lambda: (threading.main_thread().join(), print(*engine.call(answer)))).start()
