"""What the server remembers: plugins, their releases and settings, and what happened."""

from weft.server.state.folder import StateFolder
from weft.server.state.store import NewRelease, Settings, Standing, Store, StoredPlugin, StoredRelease

__all__ = ["NewRelease", "Settings", "Standing", "StateFolder", "Store", "StoredPlugin", "StoredRelease"]
