"""How much yarn a cloth needs. Its interactive documentation is at /docs."""

from math import ceil

import pydantic
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI(title="Yarn", description=__doc__)


class Cloth(pydantic.BaseModel):
    """A cloth to be woven; lengths in centimetres."""

    width: float = pydantic.Field(gt=0, le=500)
    length: float = pydantic.Field(gt=0, le=10_000)
    ends_per_cm: float = pydantic.Field(default=8, gt=0, le=100)
    picks_per_cm: float = pydantic.Field(default=8, gt=0, le=100)
    loom_waste: float = pydantic.Field(default=60, ge=0)

    @pydantic.computed_field
    @property
    def warp_metres(self) -> int:
        ends = ceil(self.width * self.ends_per_cm)
        return ceil(ends * (self.length + self.loom_waste) / 100)

    @pydantic.computed_field
    @property
    def weft_metres(self) -> int:
        picks = ceil(self.length * self.picks_per_cm)
        return ceil(picks * self.width * 1.1 / 100)  # a tenth more: the weft goes up and down


@app.get("/")
async def about() -> dict[str, str]:
    return {"pydantic": pydantic.VERSION, "documentation": "/docs"}


@app.post("/cloth")
async def cloth(wanted: Cloth) -> Cloth:
    return wanted


@app.websocket("/shuttle")
async def shuttle(websocket: WebSocket) -> None:
    """Comes back with what it was sent, the other way round."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text((await websocket.receive_text())[::-1])
    except WebSocketDisconnect:
        return
