"""The tables, as SQLAlchemy maps them. The migrations beside this make them; a test compares both."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REVISION = "0004"
"""The newest of the migrations, which makes exactly these tables."""


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON, float: Float, str: String}  # noqa: RUF012 - SQLAlchemy's form


class PluginRow(Base):
    """A deployed plugin. ``current`` is the number of the release that serves (or would, when disabled).

    ``over``: the digest of the files named by the operator in whose place it serves, '' for none.
    """

    __tablename__ = "plugins"

    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool]
    current: Mapped[int]
    grants: Mapped[list[str]]
    over: Mapped[str] = mapped_column(server_default="")


class ReleaseRow(Base):
    """One release: files by ``digest``, settings as they were given with it. ``settings`` holds secrets.

    ``standing``: see store.Standing.
    """

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("plugin", "number"), Index("releases_by_digest", "digest"))

    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(ForeignKey("plugins.name", ondelete="CASCADE"))
    number: Mapped[int]
    version: Mapped[str]
    digest: Mapped[str]
    settings: Mapped[dict[str, Any]]
    created: Mapped[float]
    standing: Mapped[str] = mapped_column(server_default="settled")


class PurgeRow(Base):
    """A plugin that was removed, and whose data and logs go with it: until they are gone."""

    __tablename__ = "purges"

    plugin: Mapped[str] = mapped_column(primary_key=True)


class EventRow(Base):
    """Something that happened."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[float]
    plugin: Mapped[str]
    kind: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]]
