"""The HTTP front: connections of clients to calls of contract ``web``."""

from weft.server.front.access_log import AccessLog, Sink, line
from weft.server.front.front import Front
from weft.server.front.peer import Management, Peer
from weft.server.front.traffic import Access, Traffic

__all__ = ["Access", "AccessLog", "Front", "Management", "Peer", "Sink", "Traffic", "line"]
