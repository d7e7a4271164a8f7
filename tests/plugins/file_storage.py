# /// script
# dependencies = []
# [tool.weft]
# version = "1.0"
# provides = ["storage"]
# ///
"""A storage in files of its data folder: each a line of JSON, the key, and then the value.

Files are named by digests, so that no key is a path; when the time of one is over, its time of change says (0: never).
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from datetime import datetime, timezone

from weft.contracts.storage import PIECE, Entry, NotFound, check_entry


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Plugin:
    def __init__(self, context):
        self.folder = os.path.join(context.data_dir, "entries")
        os.makedirs(self.folder, exist_ok=True)

    def _path(self, category, key):
        return os.path.join(self.folder, digest(category), digest(key))

    def _open(self, category, key):
        check_entry(category, key)
        try:
            file = open(self._path(category, key), "rb")
        except FileNotFoundError:
            raise NotFound(category, key) from None
        if over(file):
            file.close()
            raise NotFound(category, key)
        file.readline()
        return file

    def _files(self, category):
        names = os.listdir(self.folder) if category is None else [digest(category)]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                for file in os.scandir(os.path.join(self.folder, name)):
                    if not file.name.startswith("."):
                        yield file.path

    def put(self, category, key, value, ttl=None):
        self.write(category, key, [value], ttl)

    def write(self, category, key, pieces, ttl=None):
        check_entry(category, key, ttl)
        path = self._path(category, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, new = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
        try:
            with open(handle, "wb") as file:
                file.write(json.dumps(key).encode() + b"\n")
                file.writelines(pieces)
            os.utime(new, (0, 0 if ttl is None else time.time() + ttl))
            os.replace(new, path)  # who reads the old file goes on with it
        except BaseException:
            os.unlink(new)
            raise

    def get(self, category, key):
        with self._open(category, key) as file:
            return file.read()

    def read(self, category, key):
        with self._open(category, key) as file:
            while piece := file.read(PIECE):
                yield piece

    def delete(self, category, key):
        try:
            self._open(category, key).close()
        except NotFound:
            return False
        os.unlink(self._path(category, key))
        return True

    def list(self, category, prefix=""):
        check_entry(category)
        found = []
        for path in self._files(category):
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                key = json.loads(file.readline())
                if key.startswith(prefix) and not over(file):
                    state = os.fstat(file.fileno())
                    found.append((key, state.st_size - file.tell(), state.st_mtime))
        for key, size, ends in sorted(found):
            yield Entry(key, size, datetime.fromtimestamp(ends, timezone.utc) if ends else None)

    def purge(self, category=None, *, everything=False):
        check_entry(category)
        purged = 0
        for path in self._files(category):
            with contextlib.suppress(FileNotFoundError):
                with open(path, "rb") as file:
                    wanted = everything or over(file)
                if wanted:
                    os.unlink(path)
                    purged += 1
        return purged


def over(file):
    return 0 < os.fstat(file.fileno()).st_mtime <= time.time()
