"""What single values of a manifest may look like: names, versions, sizes, times, domains, requirements."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from weft.manifest.model import Provided
from weft.manifest.rules import Rule, show, within, word, wrong
from weft.types import SIZES, TIMES

MAX_NAME = 63
"""Characters of a plugin's name: it is a label of its default domain."""
MAX_VERSION = 128
"""Characters of a version."""

NAME = re.compile(r"[A-Za-z0-9_-]+")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
NUMBER = re.compile(r"\d{1,19}(\.\d{1,19})?", re.ASCII)
PROVIDED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(?:@([1-9]\d{0,5}))?", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_NUMERIC = r"(?:0|[1-9][0-9]*)"
_BEFORE = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
SEMVER = re.compile(rf"{_NUMERIC}(?:\.{_NUMERIC}){{2}}(?:-{_BEFORE}(?:\.{_BEFORE})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?")


def name(value: Any) -> str:
    """A plugin's name: letters, digits, ``_`` and ``-``, at most 63 of them."""
    checked = word(value)
    if not NAME.fullmatch(checked):
        raise wrong(f"{show(checked)} is not a plugin's name", "use letters, digits, '_' and '-' only")
    if len(checked) > MAX_NAME:
        raise wrong(f"{show(checked)} is too long", f"at most {MAX_NAME} characters")
    return checked


def version(value: Any) -> str:
    """A version by semver 2 or PEP 440, as written."""
    checked = word(value)
    if len(checked) <= MAX_VERSION and is_version(checked):
        return checked
    raise wrong(
        f"{show(checked)} is not a version", "write it as semver 2 or PEP 440 have it: 1.0.0, 2.1.0-beta.1, 1.2rc1"
    )


def is_version(value: str) -> bool:
    """Whether semver 2 or PEP 440 has it."""
    return bool(SEMVER.fullmatch(value)) or _is_pep440(value)


def _is_pep440(value: str) -> bool:
    try:
        Version(value)
    except InvalidVersion:
        return False
    return True


def size(low: int, high: int) -> Rule:
    """Bytes: ``512MiB``, ``2GB``, or a bare number."""

    def rule(value: Any) -> int:
        return within(int(_measure(value, SIZES, "a size", "512MiB")), low, high, write_size)

    return rule


def duration(low: float, high: float) -> Rule:
    """Seconds: ``500ms``, ``30s``, ``5m``, or a bare number."""

    def rule(value: Any) -> float:
        return within(float(_measure(value, TIMES, "a time", "500ms, 30s or 5m")), low, high, write_time)

    return rule


def _measure(value: Any, units: dict[str, Any], what: str, example: str) -> Any:
    """A number times its unit; exact where both are whole."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= 1e18:
            raise wrong(f"{show(value)} is not {what}", f"write it as {example}")
        return value
    written = value.strip() if isinstance(value, str) else ""
    number = NUMBER.match(written)
    unit = written[number.end() :].strip() if number else None
    if number is None or unit not in units:
        raise wrong(f"{show(value)} is not {what}", f"write it as {example}")
    digits = number.group()
    return (float(digits) if "." in digits else int(digits)) * units[unit]


def write_size(value: int) -> str:
    """``512MiB``, or bytes where no unit fits: what ``size`` reads back."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % SIZES[unit] == 0:
            return f"{value // SIZES[unit]}{unit}"
    return f"{value}B"


def write_time(value: float) -> str:
    """``30s``, ``500ms``: what ``duration`` reads back."""
    return f"{value * 1000:g}ms" if 0 < value < 1 else f"{value:g}s"


def cores(value: Any) -> float | None:
    """Processor cores, a part of one allowed; ``none`` (or null) for no limit."""
    if value is None or value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"expected a number of cores, found {show(value)}", "write 0.5, 2 or none")
    return within(float(value), 0.01, 1024, str)


def domain(value: Any) -> str:
    """A host name in lower case: no address, no port, no wildcard."""
    checked = word(value).lower()
    if not checked.isascii():
        raise wrong(f"{show(checked)} is not a domain", "write its ASCII form, with xn-- labels")
    labels = checked.split(".")
    if len(checked) > 253 or not all(len(label) <= 63 and LABEL.fullmatch(label) for label in labels):
        raise wrong(
            f"{show(checked)} is not a domain", "write a host name such as shop.example.org, with no port and no path"
        )
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise wrong(f"{show(checked)} is an address", "addresses are for management; write a host name")
    return checked


def provided(value: Any) -> Provided:
    """A contract: ``name`` or ``name@major``."""
    match = PROVIDED.fullmatch(word(value))
    if match is None:
        raise wrong(f"{show(value)} is not a contract", "write name or name@major, such as web or storage@2")
    return Provided(match[1], int(match[2] or 1))


def variable(value: Any) -> str:
    """The name of an environment variable."""
    checked = word(value)
    if not VARIABLE.fullmatch(checked):
        raise wrong(f"{show(checked)} is not the name of an environment variable")
    return checked


def path(value: Any) -> str:
    """A file or folder outside the plugin, absolute, in its one spelling."""
    checked = word(value)
    if checked.startswith("~"):
        raise wrong(f"{show(checked)} is not a path: '~' is the shell's", "write the whole path")
    if not checked.startswith("/"):
        raise wrong(
            f"{show(checked)} is not an absolute path",
            "leave out the plugin's own files and its data folder, which it has anyway; write other paths whole",
        )
    if ".." in checked.split("/"):
        raise wrong(f"{show(checked)} leads up again with '..'", "write where it leads")
    return "/" + posixpath.normpath(checked).lstrip("/")


def program(value: Any) -> str:
    """A program: an absolute path, a path within the plugin's folder, or a name that is looked up in PATH."""
    checked = word(value)
    if checked.startswith(("/", "~")):
        return path(checked)
    if any(part in ("", ".", "..") for part in checked.split("/")):
        raise wrong(f"{show(checked)} is not a program", "write a name (git), a whole path, or a file of the plugin's")
    return checked


def specifier(value: Any) -> str:
    """A version range as PEP 440 has them; ``*`` (any) becomes ``''``."""
    checked = word(value)
    if checked == "*":
        return ""
    try:
        SpecifierSet(checked)
    except InvalidSpecifier:
        raise wrong(f"{show(checked)} is not a version range", "write it as in >=1.2,<2") from None
    return checked


def requirement(value: Any) -> str:
    """A package requirement as PEP 508 has them, as written."""
    checked = word(value)
    try:
        Requirement(checked)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise wrong(f"{show(checked)} is not a requirement: {reason}", "write it as in requests>=2,<3") from None
    return checked
