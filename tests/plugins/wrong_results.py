# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Gives back what its contract does not say, or what cannot be sent."""

class Broken(list):
    def __iter__(self):
        raise ValueError("not to be iterated")

    def __len__(self):
        raise ValueError("not to be counted")


class Lying(dict):
    def __getattr__(self, name):
        raise RuntimeError(f"nobody reads {name}")


class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        deep = []
        for _ in range(5000):
            deep = [deep]
        endless = []
        endless.append(endless)
        return {
            "text": "text",
            "none": None,
            "object": object(),
            "function": len,
            "broken": Broken(),
            "lying": Lying(),
            "deep": deep,
            "endless": endless,
            "surrogate": "\udc80",
        }[kind]
