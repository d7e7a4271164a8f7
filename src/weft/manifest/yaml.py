"""YAML with the line of every key, and without what makes YAML dangerous: anchors, merge keys, tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from weft.errors import ManifestError, Problem
from weft.manifest.document import Lines, bound_text, refusal
from weft.manifest.keys import MAX_DEPTH, MAX_NODES
from weft.manifest.rules import Key, dotted, show

PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


def parse_yaml(text: str, path: Path) -> tuple[Any, Lines]:
    """The document (None where it is empty) and its lines. Raises ManifestError."""
    bound_text(text, path)
    try:
        _bound(text, path)
        node = YAML(typ="safe", pure=True).compose(text)
        reader = _Reader(path)
        value = reader.value(node, ()) if node is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refusal(path, f"is not valid YAML: {error.problem}", line=mark.line + 1 if mark else None) from None
    except (YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise refusal(path, f"is not valid YAML: {str(error).splitlines()[0] if str(error) else error!r}") from None
    if reader.problems:
        raise ManifestError(reader.problems)
    return value, reader.lines


def _bound(text: str, path: Path) -> None:
    """Refuse anchors and aliases, and more values or levels than a manifest has, before anything is built."""
    depth = 0
    for count, event in enumerate(YAML(typ="safe", pure=True).parse(text)):
        line = event.start_mark.line + 1
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if getattr(event, "anchor", None):
            raise refusal(path, f"uses the anchor or alias {show(event.anchor)}", "write the value out", line)
        if depth > MAX_DEPTH or count > MAX_NODES:
            what = f"more than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
            raise refusal(path, f"has {what}", "keep data in files of its own", line)


class _Reader:
    """Nodes to plain values, with the lines of all keys and the problems found."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[Key, int] = {}
        self.problems: list[Problem] = []
        self._path = path
        self._constructor = YAML(typ="safe", pure=True).constructor

    def value(self, node: Any, key: Key) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*key, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _mapping(self, node: MappingNode, key: Key) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, ScalarNode):
                self._problem(line, key, "has a key that is no plain text", "write keys as plain words")
                continue
            name = self._scalar(name_node, key)
            if not isinstance(name, str):
                self._problem(line, key, f"has the key {show(name)}, which is no text", "write it in quotes")
                continue
            if name in result:
                self._problem(line, (*key, name), "is there twice", "keep one of them")
            self.lines[(*key, name)] = line
            result[name] = self.value(value_node, (*key, name))
        return result

    def _scalar(self, node: ScalarNode, key: Key) -> Any:
        if str(node.tag) in PLAIN:
            return self._constructor.construct_object(node)
        kind = str(node.tag).rpartition(":")[2]
        message = f"{show(node.value)} is read as {kind}, which a manifest cannot hold"
        self._problem(node.start_mark.line + 1, key, message, "write it in quotes")
        return None

    def _problem(self, line: int, key: Key, message: str, remedy: str) -> None:
        self.problems.append(Problem(str(self._path), line, dotted(key), message, remedy))
