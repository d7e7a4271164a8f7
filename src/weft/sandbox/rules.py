"""What a plugin's process may touch: its own, what every program needs, and what it asked for and was given."""

from __future__ import annotations

import glob
import os
import shutil
from functools import cache
from typing import Any, Dict, Iterable, List

from weft.sandbox.mounts import links_on, touches_hidden

_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/libexec")
_LOADERS = ("/lib*/ld-linux*.so*", "/lib/*/ld-linux*.so*", "/lib/ld-musl*.so*")
"""What the kernel runs in a program's place; it grants no more than to read, as a library is read."""
_CERTIFICATES = ("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs",
                 "/etc/pki/ca-trust/extracted", "/etc/ca-certificates", "/usr/share/ca-certificates",
                 "/usr/local/share/ca-certificates")  # fmt: skip
_RESOLVER = ("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
             "/etc/services", "/etc/protocols", "/run/systemd/resolve")  # fmt: skip
_PLACES = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/i18n",
           "/etc/locale.alias")  # fmt: skip
_TYPES = ("/etc/mime.types", "/etc/httpd/mime.types", "/etc/httpd/conf/mime.types", "/etc/apache/mime.types",
          "/etc/apache2/mime.types", "/usr/local/etc/httpd/conf/mime.types", "/usr/local/lib/netscape/mime.types",
          "/usr/share/mime")  # fmt: skip
"""Where the standard library looks for types of files, and fails where they are there and cannot be read."""
_MACHINE = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/os-release", "/usr/lib/os-release",
            "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/kernel/mm/transparent_hugepage")  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM_PREFIXES = ("/", "/usr", "/usr/local")
"""Prefixes of interpreters that hold much besides: their libraries are readable, as everybody's are."""


def policy(
    *,
    own: Iterable[str],
    programs: Iterable[str],
    data: str,
    read: Iterable[str] = (),
    write: Iterable[str] = (),
    sockets: Iterable[str] = (),
    execute: Iterable[str] = (),
    network: str = "outbound",
    ports: Iterable[int] = (),
    open_files: int,
    file_bytes: int,
) -> Dict[str, Any]:
    """The policy (see confine.py) of a process that owns ``own`` (paths), runs ``programs``, and may write ``data``.

    ``read`` and ``write`` lead through no links, or lead to nothing: whoever can change a folder cannot make them mean
    another. ``execute``: further programs, by path or by name on this process's PATH; a folder: all in it.
    ``sockets``: Unix sockets that it may see. ``file_bytes``: the largest file that it may write.
    """
    own, programs = [*own], [*programs]
    found = [path for each in execute if (path := shutil.which(each) or _there(each))]
    system = [path for path in _system() if os.path.lexists(path)]
    read = [*map(os.path.realpath, own), *read]
    run = [*map(os.path.realpath, (*programs, *found)), *loaders()]
    write = [os.path.realpath(data), *write]
    links = [link for path in (*own, *programs, *found, data) for link in links_on(path)]
    return {
        "system": system,
        "read": read,
        "run": run,
        "write": write,
        "devices": list(_DEVICES),
        "shown": [*filter(touches_hidden, (*map(os.path.realpath, (*system, *sockets)), *read, *run, *write))],
        "links": [(path, text) for path, text in links if touches_hidden(path)],
        "network": network,
        "ports": list(ports),
        "open_files": open_files,
        "file_bytes": file_bytes,
    }


def _there(path: str) -> str:
    return path if os.path.isdir(path) else ""


def _system() -> List[str]:
    return [*_LIBRARIES, *_CERTIFICATES, *_RESOLVER, *_PLACES, *_TYPES, *_MACHINE]


def loaders() -> List[str]:
    """The programs that load programs' libraries."""
    return sorted({os.path.realpath(each) for each in _loaders()})


@cache
def _loaders() -> List[str]:
    """By the names that programs call them by, which stay: what these lead to may change. It takes 2 ms to look."""
    return [found for pattern in _LOADERS for found in glob.glob(pattern)]


def interpreter_folders(python: str) -> List[str]:
    """What the interpreter at that path consists of: its virtual environment, and its base's prefix."""
    root = os.path.dirname(os.path.dirname(python))
    base = os.path.dirname(os.path.dirname(os.path.realpath(python)))
    places = [root] if os.path.exists(os.path.join(root, "pyvenv.cfg")) else []
    return places + ([] if base in _SYSTEM_PREFIXES else [base])
