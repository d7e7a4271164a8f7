"""Compares what a contract says with what a provider has, method by method."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Tuple

from weft.contracts.description import Contract, Method, Parameter
from weft.contracts.shape import Adoption, Anything, Differs, Shape


def compare(contract: Contract, other: Contract) -> List[str]:
    """Why a provider that is described by ``other`` does not provide ``contract``; empty where it does."""
    if contract.name != other.name:
        return [f"the contract is {contract.key}, the plugin has {other.key}"]
    problems = []
    if contract.major != other.major:
        problems.append(
            f"the contract is {contract.key}, the plugin has {other.key}: other major versions do not match"
        )
    for name, method in contract.methods.items():
        found = other.methods.get(name)
        if found is not None:
            problems += adopt_method(method, found)[1]
        elif not method.optional:
            problems.append(missing_method(method))
    for name, constant in contract.constants.items():
        known = other.constants.get(name)
        if known is None and not constant.optional:
            problems.append(f"{name}: the contract says {name}: {constant.shape}, the plugin has none")
        elif known is not None and _adopt(constant.shape, known.shape, inward=False) is None:
            problems.append(f"{name}: the contract says {name}: {constant.shape}, the plugin has {known.shape}")
    return problems


def missing_method(method: Method) -> str:
    return f"{method.name}: the contract says {method.signature()}, the plugin has no such method"


def adopt_method(host: Method, provider: Method) -> Tuple[Method, List[str]]:
    """The host's method with the classes that the provider's annotations name, and every problem, both sides shown."""
    differences = _Differences(host, provider)
    method = differences.adopted()
    if not differences.reasons:
        return method, []
    sides = f"the contract says {host.signature()}, the plugin has {provider.signature()}"
    return host, [f"{host.name}: {sides}: {'; '.join(differences.reasons)}"]


class _Differences:
    """One method under comparison; ``reasons`` says what does not match."""

    def __init__(self, host: Method, provider: Method) -> None:
        self._host = host
        self._provider = provider
        self.reasons: List[str] = []

    def adopted(self) -> Method:
        theirs = {parameter.name: (index, parameter) for index, parameter in enumerate(self._provider.parameters)}
        parameters = tuple(
            self._parameter(index, parameter, theirs) for index, parameter in enumerate(self._host.parameters)
        )
        for _, extra in theirs.values():
            if extra.required:
                self.reasons.append(f"{extra.name} is not in the contract, and has no default")
        self._check_order()
        return replace(self._host, parameters=parameters, result=self._result())

    def _parameter(self, index: int, host: Parameter, theirs: Dict[str, Tuple[int, Parameter]]) -> Parameter:
        place, found = theirs.pop(host.name, (-1, None))
        if found is None:
            self.reasons.append(f"{host.name} is missing")
            return host
        if found.keyword_only and not host.keyword_only:
            self.reasons.append(f"{host.name} can be given by name only")
        if isinstance(found.shape, Anything) and place not in self._kinds(self._provider):
            return host
        ours, kind = self._kinds(self._host).get(index, "a value"), self._kinds(self._provider).get(place, "a value")
        shape = _adopt(host.shape, found.shape, inward=True)
        if ours != kind:
            self.reasons.append(f"{host.name} is {ours}, not {kind}")
        elif shape is None:
            self.reasons.append(f"{host.name} is {host.shape}, not {found.shape}{_fields(host.shape, found.shape)}")
        return replace(host, shape=shape or host.shape)

    @staticmethod
    def _kinds(method: Method) -> Dict[Optional[int], str]:
        return {method.stream_in: "a stream", **dict.fromkeys(method.callbacks, "a callback")}

    def _check_order(self) -> None:
        """Positional parameters come first, in the contract's order: a caller may give them so."""
        ours = [p.name for p in self._host.parameters if not p.keyword_only]
        theirs = [p.name for p in self._provider.parameters if not p.keyword_only]
        if ours != theirs[: len(ours)] and set(ours) <= set(theirs):
            self.reasons.append(f"the order is {', '.join(ours)}, not {', '.join(theirs)}")

    def _result(self) -> Shape:
        host, found = self._host, self._provider
        if host.streams != found.streams and not (host.streams and isinstance(found.result, Anything)):
            kinds = ("a stream", "one value")
            ours, theirs = kinds if host.streams else kinds[::-1]
            self.reasons.append(f"the result is {ours}, not {theirs}")
            return host.result
        shape = _adopt(host.result, found.result, inward=False)
        if shape is None:
            self.reasons.append(f"the result is {host.result}, not {found.result}{_fields(host.result, found.result)}")
        return shape or host.result


def _adopt(host: Shape, provider: Shape, *, inward: bool) -> Optional[Shape]:
    try:
        return Adoption(inward=inward).adopt(host, provider)
    except Differs:
        return None


def _fields(host: Shape, provider: Shape) -> str:
    """What the fields of two records are, where the names alone would not say why they differ."""
    if not hasattr(host, "fields") or not hasattr(provider, "fields"):
        return ""
    ours, theirs = ({f.name: str(f.shape) for f in shape.fields} for shape in (host, provider))
    return f" (fields {_listed(ours)}, not {_listed(theirs)})"


def _listed(fields: Dict[str, str]) -> str:
    return ", ".join(f"{name}: {shape}" for name, shape in fields.items()) or "none"
