"""Every benchmark, by what it is of, in the order in which they run. Each is a module with ``measure(plan)``."""

from __future__ import annotations

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "The server": (
        "http_hello",
        "http_bodies",
        "http_many_plugins",
        "many_plugins_server",
        "http_latency",
        "swaps",
        "swap_time",
        "memory",
        "deploy_time",
        "rpc_list",
        "kill_rounds",
        "storm",
    ),
    "The library": (
        "calls_small",
        "calls_one",
        "calls_large",
        "calls_stream",
        "calls_inline",
        "storage",
        "hook_chain",
        "import_time",
        "start_time",
        "memory_further",
        "sandbox_cost",
        "memory_cycles",
    ),
}
NAMES = [name for names in BENCHMARKS.values() for name in names]
