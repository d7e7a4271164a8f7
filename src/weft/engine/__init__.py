"""The engine: discovers, starts, supervises, upgrades and stops plugins."""

from weft.engine.engine import Engine
from weft.engine.plugin import Plugin
from weft.engine.release import Release

__all__ = ["Engine", "Plugin", "Release"]
