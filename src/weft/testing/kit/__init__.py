"""The conformance kit: one set of tests that every runtime passes.

The author of a runtime writes::

    class TestMyRuntime(RuntimeConformance):
        runtime = MyRuntime()

and runs pytest. What a runtime cannot do is declared in ``weft.testing.capabilities``, or by overriding ``lacking``,
and skipped with its reason.
"""

from __future__ import annotations

from weft.testing.kit.calls import CallsConformance, ChecksConformance
from weft.testing.kit.errors import DeadlinesConformance, ErrorsConformance
from weft.testing.kit.life import LifeConformance, TogetherConformance, UpgradesConformance
from weft.testing.kit.streams import CallbacksConformance, StreamsConformance
from weft.testing.kit.types import TypesConformance

__all__ = ["RuntimeConformance"]


class RuntimeConformance(
    CallsConformance,
    ChecksConformance,
    TypesConformance,
    StreamsConformance,
    CallbacksConformance,
    ErrorsConformance,
    DeadlinesConformance,
    LifeConformance,
    UpgradesConformance,
    TogetherConformance,
):
    """Subclass it, under a name that pytest collects, and say which ``runtime`` it is about: a name or a Runtime."""
