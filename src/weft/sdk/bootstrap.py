"""Run by the plugin's own interpreter, as a file: lends it the host's copy of weft, then runs a program of weft's.

Usage: bootstrap.py MODULE SOCKET_FD FOLDER_OF_WEFT [FOLDER_OF_HELPERS]

``MODULE.main(SOCKET_FD, FOLDER_OF_HELPERS)`` is called. Only the one name ``weft`` is lent, by a finder, and nothing
else that lies beside it. The helpers are searched after everything of the plugin's own.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is not imported for this: the plugin may never need it
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def lend(folder: str) -> None:
    """Make ``import weft`` find the package in ``folder``."""
    from importlib.util import spec_from_file_location

    package = f"{folder}/weft"

    class LentWeft:
        """A finder for the one name ``weft``; its submodules are found through the package."""

        @staticmethod
        def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
            if name != "weft":
                return None
            # The folder is not looked through: what lies beside the package cannot be read.
            return spec_from_file_location(name, f"{package}/__init__.py", submodule_search_locations=[package])

    sys.meta_path.insert(0, LentWeft)


if __name__ == "__main__":
    program, fd, weft_folder, *helpers = sys.argv[1:]
    lend(weft_folder)
    sys.path += helpers
    del sys.argv[1:]
    from importlib import import_module

    import_module(program).main(int(fd), *helpers)
