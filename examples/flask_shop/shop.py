"""A shop for yarn. Orders are checked by pydantic 1 and kept in the plugin's data folder."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pydantic
from flask import Flask, Response, jsonify, render_template, request

YARNS = {"merino": 890, "linen": 640, "silk": 2150}
"""Price of a skein, in cents."""

app = Flask(__name__)
database = Path(os.environ.get("WEFT_DATA_DIR", ".")) / "shop.db"


class Order(pydantic.BaseModel):
    yarn: str
    skeins: int = pydantic.Field(gt=0, le=100)

    @pydantic.validator("yarn")
    def is_sold_here(cls, yarn: str) -> str:
        if yarn not in YARNS:
            raise ValueError(f"we sell {', '.join(YARNS)}")
        return yarn


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, yarn TEXT, skeins INTEGER)")
    return connection


@app.get("/")
def catalogue() -> str:
    return render_template("catalogue.html", yarns=YARNS)


@app.get("/about")
def about() -> dict[str, str]:
    return {"pydantic": pydantic.VERSION}


@app.get("/orders")
def orders() -> Response:
    with closing(connect()) as connection:
        rows = connection.execute("SELECT id, yarn, skeins FROM orders ORDER BY id").fetchall()
    return jsonify([{"id": number, "yarn": yarn, "skeins": skeins} for number, yarn, skeins in rows])


@app.post("/orders")
def order() -> tuple[dict[str, object], int]:
    try:
        wanted = Order.parse_obj(request.get_json(silent=True) or request.form.to_dict())
    except pydantic.ValidationError as error:
        return {"errors": error.errors()}, 422
    with closing(connect()) as connection:
        number = connection.execute("INSERT INTO orders (yarn, skeins) VALUES (?, ?)", tuple(wanted.dict().values()))
    return {"id": number.lastrowid, **wanted.dict(), "cents": wanted.skeins * YARNS[wanted.yarn]}, 201
