"""A board for pictures: GLoom's shape with assets, uploads into the data folder, a group and middleware."""

import os
import secrets
from pathlib import Path

KINDS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}
PICTURES = Path(os.environ["WEFT_DATA_DIR"], "pictures")


class Pinboard:
    def name(self):
        return "pinboard"

    def init(self):
        PICTURES.mkdir(exist_ok=True)
        return {"BodyLimit": 2 * 1024 * 1024, "ErrorHandler": self.failed}

    def register_routes(self, router):
        router.use(self.guarded)
        router.static("/pictures", PICTURES, max_age=3600)
        pins = router.group("/api/pins")
        pins.get("/", self.pins)
        pins.post("/", self.pin)
        pins.delete("/:name.:ending", self.unpin)
        router.static("/", "public")

    async def guarded(self, request):
        response = await request.next()
        return response.set("x-content-type-options", "nosniff")

    def pins(self, request):
        newest = sorted(PICTURES.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        return [f"/pictures/{each.name}" for each in newest]

    def pin(self, request):
        (file,) = request.files().get("picture", [None])[:1]
        if file is None or file.content_type not in KINDS:
            raise request.error(415, f"expected a file 'picture' of {', '.join(KINDS)}")
        name = f"{secrets.token_hex(8)}.{KINDS[file.content_type]}"
        (PICTURES / name).write_bytes(file.content)
        return request.response.status(201).set("location", f"/pictures/{name}").json({"name": name})

    def unpin(self, request):
        try:
            (PICTURES / f"{request.params['name']}.{request.params['ending']}").unlink()
        except OSError:
            raise request.error(404, "no such picture") from None

    def failed(self, request, error):
        return getattr(error, "status", 500), {"error": str(error) if hasattr(error, "status") else "something broke"}


Plugin = Pinboard()
