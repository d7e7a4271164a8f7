"""The files of a new plugin for a contract of its host. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.packages.contract_source import ContractSource, camel_case, doc_lines
from weft.packages.typed_classes import INDENT
from weft.packages.typed_source import Schema, TypedSource, class_name
from weft.packages.typed_values import TypedValues

PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
description = "Provides {key}"
requires-python = ">=3.11"
dependencies = []

[tool.weft]
entry = "{module}:{cls}"
provides = ["{key}"]
"""

README = """\
# {name}

Provides `{key}` to `{host}`, as its class `{host_class}` declares it.

    weft check .       # look it over
    weft dev .         # run it, with reload on save
    python -m unittest discover -s {name}   # where {host} can be imported

`{module}.py` holds the class, `pyproject.toml` says what the plugin is and needs: add packages to `dependencies`.
Each method has the signature that the contract says, and returns the simplest value there is: write what it is to do.
A host loads it by its path:

    await engine.load("{name}")
    plugin = engine.use({host_class}, "{name}")
"""


@dataclass(frozen=True)
class HostContract:
    """A contract as its host declares it: ``module:cls``, and its description.

    ``plain``: methods that are declared without async. ``homes``: where the host's own classes are, as (module, name)
    by their keys in ``$defs``.
    """

    described: Mapping[str, Any]
    module: str
    cls: str
    plain: Collection[str] = ()
    homes: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def contract_files(name: str, module: str, host: HostContract) -> dict[str, str]:
    """Texts by file name."""
    source = ContractSource(host.described, host.plain)
    said = {"name": name, "module": module, "key": source.key, "cls": _class_name(name, source)}
    return {
        "pyproject.toml": PYPROJECT.format(**said),
        f"{module}.py": _module(said["cls"], source, host),
        f"test_{module}.py": _test(name, host),
        "README.md": README.format(**said, host=host.module, host_class=host.cls),
    }


def _class_name(name: str, source: ContractSource) -> str:
    taken = {class_name(key) for key in source.described.get("$defs", {})} | {"Context", source.title}
    title = camel_case(name)
    return f"{title}Plugin" if title in taken else title


# --- the plugin -----------------------------------------------------------------------------------------------------


def _module(cls: str, source: ContractSource, host: HostContract) -> str:
    classes = [*source.classes(), "\n".join(_class(cls, source))]
    head = [
        f'"""Provides {source.key}, which {host.module} declares as {host.cls}."""',
        "from __future__ import annotations",
        "\n".join(source.types.import_lines()),
        "from weft.sdk import Context",
    ]
    return "\n\n\n".join(["\n\n".join(filter(None, head)), *classes]) + "\n"


def _class(cls: str, source: ContractSource) -> list[str]:
    lines = [f"class {cls}:", *(doc_lines(source.described["description"]) or doc_lines(f"Provides {source.key}."))]
    for name, constant in source.described["constants"].items():
        schema = constant["schema"]
        lines += ["", f"{INDENT}{name}: {source.types.annotation(schema)} = {source.values.sample(schema)}"]
        lines += doc_lines(constant.get("description", ""))
    lines += ["", f"{INDENT}def __init__(self, context: Context) -> None:", f"{INDENT * 2}self.context = context"]
    for name, method in source.methods.items():
        lines += ["", *(INDENT + line for line in _method(name, method, source))]
    return lines


def _method(name: str, method: Schema, source: ContractSource) -> list[str]:
    said = source.signature(name, method, awaited=not source.is_plain(name))
    value = source.values.sample(method["result"])
    done = f"{'yield' if method.get('streams') else 'return'} {value}"
    return [
        *said,
        *doc_lines(method.get("description", "")),
        INDENT + done,
    ]


# --- its test -------------------------------------------------------------------------------------------------------

_AWAITED = """\
class Test{cls}(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.engine = await self.enterAsyncContext(weft.Engine())
        await self.engine.load(Path(__file__).parent)
        self.plugin = self.engine.use({cls})
"""
_PLAIN = """\
class Test{cls}(unittest.TestCase):
    def setUp(self):
        self.engine = self.enterContext(weft.sync.Engine())
        self.engine.load(Path(__file__).parent)
        self.plugin = self.engine.use({cls})
"""
_TEST = '''\
"""Loads {name} as its host does, and calls it.

Run with `python -m unittest discover -s {name}`, where {module} can be imported.
"""

{imports}

import {weft}
{own}


{cls}{methods}

if __name__ == "__main__":
    unittest.main()
'''


def _test(name: str, host: HostContract) -> str:
    plain = set(host.plain) >= host.described["methods"].keys()
    calls = _Calls(host, plain=plain)
    methods = [calls.test(method, form) for method, form in host.described["methods"].items()]
    return _TEST.format(
        name=name,
        module=host.module,
        weft="weft.sync" if plain else "weft",
        imports="\n".join(calls.imports()),
        own="\n".join(calls.own_imports()),
        cls=(_PLAIN if plain else _AWAITED).format(cls=host.cls),
        methods="".join(f"\n{text}\n" for text in methods),
    )


class _Calls:
    """Tests that call each method once, with the simplest arguments there are."""

    def __init__(self, host: HostContract, *, plain: bool) -> None:
        self._types = TypedSource(host.described.get("$defs", {}))
        self._values = TypedValues(self._types)
        self._host = host
        self._plain = plain
        self._used: set[str] = set()

    def imports(self) -> list[str]:
        """Of the standard library."""
        self._types.name("Path")
        return ["import unittest", *self._types.import_lines()]

    def own_imports(self) -> list[str]:
        """Of the host: the contract, and its own classes as far as they were used."""
        modules: dict[str, set[str]] = {self._host.module: {self._host.cls}}
        for module, name in (self._host.homes[key] for key in self._used):
            modules.setdefault(module, set()).add(name)
        return [f"from {module} import {', '.join(sorted(modules[module]))}" for module in sorted(modules)]

    def test(self, name: str, method: Schema) -> str:
        """The source of one test."""
        define = "def" if self._plain else "async def"
        lines = [f"{INDENT}{define} test_{name}(self):", *(INDENT * 2 + line for line in self._body(name, method))]
        return "\n".join(lines)

    def _body(self, name: str, method: Schema) -> list[str]:
        schemas = [method["result"], *(_schema_of(each) for each in method["parameters"])]
        foreign = sorted({key for schema in schemas for key in self._named(schema)} - self._host.homes.keys())
        if foreign:
            return [f'self.skipTest("write a call with a {foreign[0]}")']
        self._used.update(key for schema in schemas for key in self._named(schema))
        given = ", ".join(f"{each['name']}={self._argument(each)}" for each in method["parameters"])
        expected = self._values.sample(method["result"])
        call = f"self.plugin.{name}({given})"
        if method.get("streams"):
            items = f"[item {'for' if self._plain else 'async for'} item in {call}]"
            return [f"self.assertEqual({items}, [{expected}])"]
        return [f"self.assertEqual({call if self._plain else f'await {call}'}, {expected})"]

    def _argument(self, parameter: Schema) -> str:
        if "stream" in parameter:
            sample = self._values.sample(parameter["stream"])
            return f"iter([{sample}])"
        if "callback" in parameter:
            return f"lambda *values: {self._values.sample(parameter['callback']['result'])}"
        return self._values.sample(parameter["schema"])

    def _named(self, schema: Any, seen: frozenset[str] = frozenset()) -> set[str]:
        """The keys of the definitions that a schema refers to, and those that these refer to."""
        if isinstance(schema, list):
            return {key for each in schema for key in self._named(each, seen)}
        if not isinstance(schema, Mapping):
            return set()
        key = str(schema["$ref"]).rpartition("/")[2] if "$ref" in schema else ""
        below = set() if key in seen or not key else self._named(self._host.described["$defs"][key], seen | {key})
        own = {key} if key else set()
        return own | below | {each for part in schema.values() for each in self._named(part, seen | own)}


def _schema_of(parameter: Schema) -> Any:
    return parameter.get("schema", parameter.get("stream", parameter.get("callback")))
