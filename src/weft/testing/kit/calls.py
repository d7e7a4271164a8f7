"""Plain calls, by every way that a contract has for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from weft.errors import ContractMismatch, WrongArgument, WrongResult
from weft.testing.kit.contracts import Calls, Point
from weft.testing.kit.running import Bench, Conformance, conforms

MIB = 1024 * 1024


class CallsConformance(Conformance):
    """Calls, constants, checks, large values."""

    @conforms("calls")
    async def test_arguments_by_position_by_keyword_and_by_default(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        for join in (plugin.join, plugin.join_def):
            assert await join("a") == "a-right"
            assert await join("a", "b") == "a-b"
            assert await join(right="b", left="a", glue="+") == "a+b"

    @conforms("calls")
    async def test_a_call_that_does_not_fit_the_signature_is_a_type_error_here(self, bench: Bench) -> None:
        join: Any = (await bench.use(Calls)).join
        with pytest.raises(TypeError, match="glu"):
            await join("a", glu="+")
        with pytest.raises(TypeError, match="left"):
            await join()

    @conforms("calls")
    async def test_many_calls_are_under_way_at_once(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        assert await asyncio.gather(*(plugin.meet(each, 500) for each in range(500))) == list(range(500))

    @conforms("calls")
    async def test_as_many_def_calls_are_under_way_at_once_as_there_are_threads(self, bench: Bench) -> None:
        plugin = await bench.use(Calls, more="limits: {threads: 4}\n")
        assert await asyncio.gather(*(plugin.meet_def(each, 4) for each in range(1, 5))) == [1, 2, 3, 4]

    @conforms("large")
    async def test_values_of_several_mib_cross_beside_small_ones(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        calls = [plugin.length(b"x" * (4 * MIB)), plugin.length(b""), plugin.grow(b"ab", 2 * MIB)]
        long, none, grown = await asyncio.gather(*calls)
        assert (long, none, grown) == (4 * MIB, 0, b"ab" * 2 * MIB)

    @conforms("constants")
    async def test_constants_are_attributes(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        assert (plugin.title, list(plugin.sizes)) == ("1.0.0", [1, 2, 3])
        assert (plugin.corner.x, plugin.corner.y) == (1, 0.5)

    @conforms("constants")
    async def test_a_method_that_the_plugin_lacks_runs_the_contracts_own_body(self, bench: Bench) -> None:
        assert await (await bench.use(Calls)).twice(21) == 42

    @conforms("negotiation")
    async def test_a_plugin_that_does_not_fit_is_refused_with_both_sides_shown(self, bench: Bench) -> None:
        folder = bench.write("errors")
        module = folder / "kit_errors.py"
        source = module.read_text()
        module.write_text(source.replace("def find(self, name: str)", "def find(self, name: int)"))
        with pytest.raises(ContractMismatch, match="kit_errors@1") as caught:
            await bench.engine.load(folder)
        message = str(caught.value)
        assert "find" in message
        assert "str" in message
        assert "int" in message
        module.write_text(source)
        await bench.engine.load(folder)
        with pytest.raises(ContractMismatch, match="kit_calls@1"):
            bench.engine.use(Calls, "errors")


class ChecksConformance(Conformance):
    """Values of a wrong type."""

    @conforms("checks")
    async def test_a_wrong_argument_names_the_parameter_and_never_arrives(self, bench: Bench) -> None:
        plugin: Any = await bench.use(Calls)
        with pytest.raises(WrongArgument, match="left: expected str, found int"):
            await plugin.join(1)
        with pytest.raises(WrongArgument, match=r"data: expected bytes, found str"):
            await plugin.length("text")
        assert await plugin.join("a") == "a-right"

    @conforms("checks")
    async def test_a_wrong_result_is_the_plugins_error(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        with pytest.raises(WrongResult, match=r"kit_calls\.wrong.*expected int, found str"):
            await plugin.wrong()
        assert await plugin.join("a") == "a-right"

    @conforms("checks")
    async def test_a_point_is_built_as_the_callers_class(self, bench: Bench) -> None:
        assert type((await bench.use(Calls)).corner) is Point
