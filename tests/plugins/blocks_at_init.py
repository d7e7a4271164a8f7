"""GLoom's shape; its start blocks: for the seconds that a file ``seconds`` in its data folder says, else for ever."""

import os
import time
from pathlib import Path

SECONDS = Path(os.environ["WEFT_DATA_DIR"], "seconds")


class Plugin:
    def init(self):
        print("thinking", flush=True)
        time.sleep(float(SECONDS.read_text()) if SECONDS.exists() else 3600)

    def register_routes(self, router):
        router.get("/", lambda request: "awake")
