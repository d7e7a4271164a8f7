"""Management over HTTP: translates requests to the operator, and nothing else."""

from weft.server.management.api.application import build_management

__all__ = ["build_management"]
