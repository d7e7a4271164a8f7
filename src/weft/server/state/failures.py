"""One place that turns what the disk and the database say into StorageFailed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from weft.errors import StorageFailed

_REMEDIES = {
    "disk is full": "free some space there",
    "No space left": "free some space there",
    "readonly": "make the folder writable for the server's user",
    "Permission denied": "make the folder writable for the server's user",
    "malformed": "restore the file from a backup, or move it away to begin anew",
    "not a database": "restore the file from a backup, or move it away to begin anew",
    "locked": "end the other program that has the file open",
    "Can't locate revision": "the file was written by a newer version of Weft: run that one",
}


@contextmanager
def storing(what: str, where: Path) -> Iterator[None]:
    """Whatever fails within becomes StorageFailed: ``cannot WHAT in WHERE: reason (remedy)``."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise StorageFailed(f"cannot {what} in {where}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = (cause.strerror if isinstance(cause, OSError) else None) or str(cause).partition("\n")[0]
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in reason), "")
    return f"{reason} ({remedy})" if remedy else reason
