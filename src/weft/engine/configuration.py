"""A plugin's configuration: the host's values over the manifest's, and all of it against ``config_schema``.

The schema is checked by a process that can be ended: a few lines of a schema can take for ever to check, and whoever
wrote them must not hold up the host. That process has jsonschema-rs; where the host has not, an environment of its own.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.errors import EnvironmentFailed, UsageError
from weft.manifest.model import Manifest, Requires
from weft.packages.environments import Environments
from weft.packages.programs import run
from weft.types import Progress
from weft.wire.codec import encode

PROGRAM = Path(__file__).with_name("schema_program.py")
VALIDATOR = "jsonschema-rs>=0.26"
SECONDS = 5.0
"""How long a check may take."""
MAX_CONFIG = 1024 * 1024
"""Bytes of a configuration as it is handed over."""


def effective(manifest: Manifest, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the plugin is handed: ``given`` over the manifest's ``config`` over the defaults of its schema."""
    return _with_defaults(manifest.config_schema or {}, {**manifest.config, **given})


def _with_defaults(schema: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """``default`` of each of ``properties`` that is missing; within objects that are there, too."""
    found = schema.get("properties")
    properties = (
        {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}
    )
    missing = {name: each["default"] for name, each in properties.items() if name not in values and "default" in each}
    filled = {**values, **copy.deepcopy(missing)}
    inner = {name: _with_defaults(each, filled[name]) for name, each in properties.items() if _is_object(filled, name)}
    return {**filled, **inner}


def _is_object(values: Mapping[str, Any], name: str) -> bool:
    return isinstance(values.get(name), dict)


async def check_config(
    manifest: Manifest, config: Mapping[str, Any], environments: Environments, progress: Progress
) -> None:
    """Raises UsageError, with every problem, unless ``config`` can be handed over and fits ``config_schema``.

    Keys are named and values never: they may be secrets. Raises EnvironmentFailed where the validator is missing and
    cannot be had.
    """
    _check_size(manifest.name, config)
    if manifest.config_schema is None:
        return
    answer = await _answer(manifest, config, await _validator(manifest.name, environments, progress))
    if "invalid" in answer:
        raise UsageError(f"{manifest.name}: config_schema is no JSON Schema that can be used: {answer['invalid']}")
    if answer["problems"]:
        raise UsageError("\n".join([f"{manifest.name}: config does not fit config_schema:", *answer["problems"]]))


def checked_env(env: Mapping[str, str]) -> Mapping[str, str]:
    """Variables as an environment can hold them. Raises UsageError, which shows no value."""
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise UsageError(f"env {name!r}: expected a name without '=', and no NUL character in name and value")
    return env


def _check_size(name: str, config: Mapping[str, Any]) -> None:
    try:
        size = len(encode(dict(config)))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{name}: config holds what cannot be handed to a plugin: {error}") from None
    if size > MAX_CONFIG:
        raise UsageError(f"{name}: config has {size} bytes, at most {MAX_CONFIG}: keep data in files")


async def _answer(manifest: Manifest, config: Mapping[str, Any], python: list[str | Path]) -> dict[str, Any]:
    try:
        given = json.dumps([manifest.config_schema, dict(config)])
    except TypeError as error:
        raise UsageError(f"{manifest.name}: config holds what config_schema cannot describe: {error}") from None
    try:
        done = await run([*python, PROGRAM], env={}, cwd=PROGRAM.parent, deadline=SECONDS, given=given)
        answer: dict[str, Any] = json.loads(done.output)
    except (OSError, TimeoutError, ValueError):
        raise UsageError(
            f"{manifest.name}: config could not be checked against config_schema within {SECONDS:g} s: simplify it"
        ) from None
    return answer


async def _validator(name: str, environments: Environments, progress: Progress) -> list[str | Path]:
    """An interpreter, with its flags, that has the validator."""
    if importlib.util.find_spec("jsonschema_rs") is not None:
        return [sys.executable, "-I"]
    try:
        environment = await environments.prepare(Requires(packages=(VALIDATOR,)), plugin=name, progress=progress)
    except EnvironmentFailed as error:
        raise EnvironmentFailed(
            f"plugin {name}: its config_schema cannot be checked without jsonschema-rs: "
            "install that beside weft, or let uv reach a package index",
            error.explanation,
        ) from error
    return [environment.python, *environment.flags]
