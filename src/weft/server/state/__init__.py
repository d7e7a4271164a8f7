"""What the server remembers: plugins, their releases and settings, and what happened."""

from weft.server.state.folder import StateFolder
from weft.server.state.store import NewRelease, Settings, Store, StoredEvent, StoredPlugin, StoredRelease

__all__ = ["NewRelease", "Settings", "StateFolder", "Store", "StoredEvent", "StoredPlugin", "StoredRelease"]
