"""What the server remembers: plugins, their releases and settings, and what happened."""

from weft.server.state.folder import StateFolder
from weft.server.state.store import NewRelease, Settings, Store, StoredPlugin, StoredRelease

__all__ = ["NewRelease", "Settings", "StateFolder", "Store", "StoredPlugin", "StoredRelease"]
