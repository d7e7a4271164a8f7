"""A described contract as Python source: the Protocol that a host declares, and signatures for plugins. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from weft.packages.typed_classes import INDENT, TypedClasses
from weft.packages.typed_source import Schema, TypedSource
from weft.packages.typed_values import TypedValues

_WIDTH = 110
"""Columns of a signature; a longer one has a line for each parameter."""


class ContractSource:
    """``described`` is a contract's description; ``plain`` names the methods that are declared without async."""

    def __init__(self, described: Mapping[str, Any], plain: Collection[str] = ()) -> None:
        self.types = TypedSource(described.get("$defs", {}))
        self.values = TypedValues(self.types)
        self.described = {**described, "contract": described["contract"].partition("#")[0]}  # without a component's id
        self._plain = plain

    @property
    def key(self) -> str:
        """How a manifest names the contract: ``name``, or ``name@version`` from the second version on."""
        name, version = self.described["contract"], self.described["version"]
        return str(name) if version == 1 else f"{name}@{version}"

    @property
    def title(self) -> str:
        """The name of a class for it."""
        return camel_case(self.described["contract"])

    @property
    def methods(self) -> Mapping[str, Schema]:
        """By name."""
        found: Mapping[str, Schema] = self.described["methods"]
        return found

    def is_plain(self, name: str) -> bool:
        """Whether a method is declared without async."""
        return name in self._plain

    def protocol(self) -> str:
        """The contract as a host declares it."""
        lines = [f"class {self.title}({self.types.name('Protocol')}):", *doc_lines(self.described["description"])]
        for name, constant in self.described["constants"].items():
            lines += ["", f"{INDENT}{name}: {self.types.annotation(constant['schema'])}"]
            lines += doc_lines(constant.get("description", ""))
        for name, method in self.methods.items():
            lines += ["", *(INDENT + line for line in self._declared(name, method))]
        declared = "\n".join([self._decorator(), *lines])
        return "\n\n\n".join([*self.classes(), declared])

    def classes(self) -> list[str]:
        """Those of its records and enums, and of the exceptions that come back as themselves, matched by name."""
        names = dict.fromkeys(each for method in self.methods.values() for each in method.get("raises", ()))
        exceptions = [f"class {name}(Exception):\n{INDENT}pass" for name in names]
        return [*TypedClasses(self.types).written(), *exceptions]

    def _decorator(self) -> str:
        version = "" if self.described["version"] == 1 else f", version={self.described['version']}"
        return f'@weft.contract(name="{self.described["contract"]}"{version})'

    def _declared(self, name: str, method: Schema) -> list[str]:
        """A method of the Protocol."""
        hook, raises = method.get("hook"), method.get("raises")
        more = f", deadline={hook['deadline']}" if hook and hook["deadline"] is not None else ""
        decorators = [f'@weft.hook("{hook["mode"]}", on_error="{hook["on_error"]}"{more})'] if hook else []
        decorators += [f"@weft.raises({', '.join(raises)})"] if raises else []
        awaited = not method.get("streams") and not self.is_plain(name)
        body = doc_lines(method.get("description", ""))
        remarks = ["# A plugin may lack it: the host has a body of its own."] if method.get("optional") else []
        *head, last = self.signature(name, method, awaited=awaited)
        return [*remarks, *decorators, *head, last if body else f"{last} ...", *body]

    def signature(self, name: str, method: Schema, *, awaited: bool) -> list[str]:
        """``def name(self, …) -> …:``, in one line or more."""
        written = [self._parameter(each, plain=self.is_plain(name)) for each in method["parameters"]]
        keywords = [index for index, each in enumerate(method["parameters"]) if each.get("keyword_only")]
        parameters = ["self", *written[: keywords[0]], "*", *written[keywords[0] :]] if keywords else ["self", *written]
        head, tail = f"{'async def' if awaited else 'def'} {name}(", f") -> {self._result(name, method)}:"
        line = head + ", ".join(parameters) + tail
        return [line] if len(line) <= _WIDTH else [head, *(f"{INDENT}{each}," for each in parameters), tail]

    def _parameter(self, parameter: Schema, *, plain: bool) -> str:
        annotation = self._parameter_type(parameter, plain=plain)
        if "default" not in parameter:
            return f"{parameter['name']}: {annotation}"
        default = self.values.literal(parameter["schema"], parameter["default"]) if "schema" in parameter else "None"
        return f"{parameter['name']}: {annotation} = {default}"

    def _parameter_type(self, parameter: Schema, *, plain: bool) -> str:
        if "stream" in parameter:
            return f"{self._iterator(plain=plain)}[{self.types.annotation(parameter['stream'])}]"
        if "callback" in parameter:
            return self._callback(parameter["callback"])
        return self.types.annotation(parameter["schema"])

    def _callback(self, callback: Schema) -> str:
        result = self.types.annotation(callback["result"])
        if callback["awaited"]:
            result = f"{self.types.name('Awaitable')}[{result}]"
        arguments = ", ".join(map(self.types.annotation, callback["arguments"]))
        written = f"{self.types.name('Callable')}[[{arguments}], {result}]"
        return f"{written} | None" if callback.get("optional") else written

    def _result(self, name: str, method: Schema) -> str:
        item = self.types.annotation(method["result"])
        return f"{self._iterator(plain=self.is_plain(name))}[{item}]" if method.get("streams") else item

    def _iterator(self, *, plain: bool) -> str:
        return self.types.name("Iterator" if plain else "AsyncIterator")


def doc_lines(text: str) -> list[str]:
    """A docstring, indented; nothing for an empty text."""
    if not text:
        return []
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    safe = safe[:-1] + '\\"' if safe.endswith('"') else safe
    lines = f'"""{safe}"""' if "\n" not in safe else f'"""{safe}\n"""'
    return [(INDENT + line).rstrip() for line in lines.split("\n")]


def camel_case(name: str) -> str:
    """``fast-thumbs`` as a class is called: ``FastThumbs``."""
    words: Iterable[str] = name.replace("-", "_").replace(".", "_").split("_")
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return joined if joined.isidentifier() else f"Plugin{joined}"
