# /// script
# dependencies = []
# [tool.weft]
# version = "1.0"
# provides = ["storage"]
# ///
"""A storage that lasts as long as its process: the five methods that every storage has."""

import time
from datetime import datetime, timezone

from weft.contracts.storage import Entry, NotFound, check_entry


class Plugin:
    def __init__(self):
        self.categories = {}

    def _living(self, category):
        now = time.time()
        return {key: kept for key, kept in self.categories.get(category, {}).items() if kept[1] is None or kept[1] > now}

    async def put(self, category, key, value, ttl=None):
        check_entry(category, key, ttl)
        expires = None if ttl is None else time.time() + ttl
        self.categories.setdefault(category, {})[key] = (value, expires)

    async def get(self, category, key):
        check_entry(category, key)
        kept = self._living(category).get(key)
        if kept is None:
            raise NotFound(category, key)
        return kept[0]

    async def delete(self, category, key):
        check_entry(category, key)
        there = key in self._living(category)
        self.categories.get(category, {}).pop(key, None)
        return there

    async def list(self, category, prefix=""):
        check_entry(category)
        for key, (value, expires) in sorted(self._living(category).items()):
            if key.startswith(prefix):
                yield Entry(key, len(value), expires and datetime.fromtimestamp(expires, timezone.utc))

    async def purge(self, category=None, *, everything=False):
        check_entry(category)
        purged = 0
        for name in [category] if category is not None else list(self.categories):
            before, left = self.categories.pop(name, {}), {}
            if not everything:
                self.categories[name] = before
                left = self.categories[name] = self._living(name)
            purged += len(before) - len(left)
        return purged
