"""Datasette itself, unmodified, on the database beside this file."""

from pathlib import Path

from datasette.app import Datasette

app = Datasette(immutables=[str(Path(__file__).with_name("weaving.db"))]).app()
