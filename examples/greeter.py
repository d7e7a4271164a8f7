# /// script
# [tool.weft]
# name = "greeter"
# ///
"""GLoom's shape of a plugin: init() and register_routes(), nothing to import."""

import threading

GREETINGS = {"en": "Hello", "fr": "Bonjour", "de": "Guten Tag", "sw": "Habari"}


class Greeter:
    def __init__(self):
        self.lock = threading.Lock()
        self.greeted = 0

    def init(self):
        return None

    def register_routes(self, router):
        router.get("/", self.languages)
        router.get("/hello/:name", self.hello)
        router.get("/greeted", self.count)

    async def languages(self, request):
        return {"languages": GREETINGS, "try": "/hello/Ada?lang=fr"}

    def hello(self, request):
        greeting = GREETINGS.get(request.query.get("lang", ["en"])[0])
        if greeting is None:
            return 404, {"error": "no such language", "languages": sorted(GREETINGS)}
        with self.lock:
            self.greeted += 1
        return f"{greeting}, {request.params['name']}!\n"

    def count(self, request):
        return {"greeted": self.greeted}


Plugin = Greeter()
