"""One of several: unions of shapes, and literals and enums, which are unions of values."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from weft.contracts.mismatch import Mismatch, of, show
from weft.contracts.shape import NONE, Adoption, Definitions, Differs, Schema, Shape


class Union(Shape):
    """One of ``members``.

    Where no two members have a kind of plain value in common, the plain value is the member's own; else it is
    ``[index, plain]``, by the order of the members in the contract.
    """

    def __init__(self, members: Tuple[Shape, ...]) -> None:
        self.members = members
        kinds = [kind for member in members for kind in member.kinds]
        self.tagged = len(kinds) != len(set(kinds))
        self.kinds = frozenset({list} if self.tagged else kinds)
        self.exact = frozenset() if self.tagged else frozenset().union(*(member.exact for member in members))
        self.hashable = all(member.hashable for member in members)
        self.packs = self.tagged or any(member.packs for member in members)
        self._by_kind: Dict[type, Shape] = {} if self.tagged else self._told_apart()

    def _told_apart(self) -> Dict[type, Shape]:
        """By the plain value's type; a float member takes an int where no other does."""
        table = {kind: member for member in self.members for kind in member.kinds}
        if float in table:
            table.setdefault(int, table[float])
        return table

    def _pack(self, value: Any) -> Any:
        if self.tagged:
            return self._pack_tagged(value)
        if value is None and NONE in self.kinds:
            return None
        for member in self.members:
            if member.takes(value):
                return member.packed(value)
        raise self.wrong(value)

    def _pack_tagged(self, value: Any) -> List[Any]:
        found = [index for index, member in enumerate(self.members) if member.takes(value)]
        if len(found) > 1:
            found = [index for index in found if type(value) is self.members[index].cls] or found
        if len(found) > 1:
            found = [index for index in found if _suits(self.members[index], value)] or found
        if not found:
            raise self.wrong(value)
        return [found[0], self.members[found[0]].packed(value)]

    def unpack(self, plain: Any) -> Any:
        if not self.tagged:
            member = self._by_kind.get(type(plain))
            if member is None:
                raise self.wrong(plain)
            return member.unpack(plain)
        if type(plain) is not list or len(plain) != 2 or type(plain[0]) is not int:
            raise Mismatch(f"[index, value] for {self}", of(plain))
        if not 0 <= plain[0] < len(self.members):
            raise Mismatch(f"an index below {len(self.members)} for {self}", show(plain[0]))
        return self.members[plain[0]].unpack(plain[1])

    def takes(self, value: Any) -> bool:
        return any(member.takes(value) for member in self.members)

    def schema(self, definitions: Definitions) -> Schema:
        members = [member.schema(definitions) for member in self.members]
        return {"anyOf": [_tag(*entry) for entry in enumerate(members)] if self.tagged else members}

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        """Each member finds its own; from a provider, fewer may come than the contract allows."""
        others = list(other.members if isinstance(other, Union) else (other,))
        adopted = [self._adopted(member, others, adoption) for member in self.members]
        missing = any(found is None for found in adopted) and adoption.inward
        if (others and not adoption.inward) or missing:
            raise Differs(self, other)
        return Union(tuple(found or member for found, member in zip(adopted, self.members)))

    def _adopted(self, member: Shape, others: List[Shape], adoption: Adoption) -> Optional[Shape]:
        """``member`` with the classes of the first of ``others`` that matches it, which is taken out."""
        for index, candidate in enumerate(others):
            try:
                found = adoption.adopt(member, candidate)
            except Differs:
                continue
            del others[index]
            return found
        return None

    def __str__(self) -> str:
        return " | ".join(map(str, self.members))


def _tag(index: int, schema: Schema) -> Schema:
    return {"type": "array", "prefixItems": [{"const": index}, schema], "items": False}


def _suits(member: Shape, value: Any) -> bool:
    try:
        member.unpack(member.packed(value))
    except Mismatch:
        return False
    return True


class Choice(Shape):
    """One of some plain values: a Literal, or an Enum by its members' values.

    ``members`` is what each plain value becomes; ``title`` is the enum's name, '' for a literal.
    """

    def __init__(self, members: List[Tuple[Any, Any]], title: str = "", cls: Optional[type] = None) -> None:
        self.values = [plain for plain, _ in members]
        self.title = title
        self.packs = bool(title) or any(type(plain) is not type(member) for plain, member in members)
        self.cls = cls
        self.kinds = frozenset(map(type, self.values))
        self._members = {(type(plain), plain): member for plain, member in members}
        self._plain = {(type(member), member): plain for plain, member in members}

    def _pack(self, value: Any) -> Any:
        """Where there is no class, a member of any enum is its value."""
        found = value if self.cls is not None else getattr(value, "value", value)
        if not self.takes(found):
            raise self.wrong(value)
        return self._plain[type(found), found]

    def unpack(self, plain: Any) -> Any:
        try:
            return self._members[type(plain), plain]
        except (KeyError, TypeError):
            raise self.wrong(plain) from None

    def wrong(self, value: Any) -> Mismatch:
        shown = show(value) if type(value) in self.kinds or type(value) is str else of(value)
        return Mismatch(self._expected(), shown)

    def _expected(self) -> str:
        shown = self.values if self.title else [member for _, member in self._plain]
        values = ", ".join(map(show, shown[:10])) + (", …" if len(shown) > 10 else "")
        return f"{self.title}: one of {values}" if self.title else f"one of {values}"

    def takes(self, value: Any) -> bool:
        try:
            return (type(value), value) in self._plain
        except TypeError:
            return False

    def schema(self, definitions: Definitions) -> Schema:
        if self.title:
            return definitions.refer(self, self.title, lambda _: {"title": self.title, "enum": self.values})
        return {"enum": self.values}

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if not isinstance(other, Choice):
            raise Differs(self, other)
        ours, theirs = ({(type(value), value) for value in choice.values} for choice in (self, other))
        if ours == theirs or (ours < theirs if adoption.inward else theirs < ours):
            return other
        raise Differs(self, other)

    def __str__(self) -> str:
        return self.title or f"Literal[{', '.join(map(show, self.values))}]"


class Flags(Shape):
    """An enum.Flag: the bits that are set, as an int; so a side without the class has it. ``names``: bits by name."""

    kinds = frozenset({int})
    packs = True

    def __init__(self, title: str, names: Dict[str, int], cls: Optional[type] = None) -> None:
        self.title = title
        self.names = names
        self.cls = cls

    def _pack(self, value: Any) -> int:
        if not self.takes(value):
            raise self.wrong(value)
        return int(getattr(value, "value", value))

    def unpack(self, plain: Any) -> Any:
        if type(plain) is not int:
            raise self.wrong(plain)
        try:
            return plain if self.cls is None else self.cls(plain)
        except ValueError:
            raise Mismatch(str(self), show(plain)) from None

    def takes(self, value: Any) -> bool:
        return isinstance(value, self.cls or int) and not isinstance(value, bool)

    def schema(self, definitions: Definitions) -> Schema:
        form = {"title": self.title, "type": "integer", "format": "flags", "names": self.names}
        return definitions.refer(self, self.title, lambda _: form)

    def adopt(self, other: Shape, _adoption: Adoption) -> Shape:
        if not isinstance(other, Flags) or other.names != self.names:
            raise Differs(self, other)
        return other

    def __str__(self) -> str:
        return self.title
