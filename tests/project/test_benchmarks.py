"""The benchmarks' own arithmetic: what wrk said is read rightly, verdicts follow from values, costs are whole."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import catalogue, clients, page, processes, wrk
from harness.hosts import PEERS, Ask, Host, compare
from harness.rounds import Plan
from harness.rows import Row, Seen, quotient, ratio, table

REPORT = """Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.40ms  303.68us   7.05ms   71.50%
    Req/Sec    45.13k     1.77k   47.99k    90.99%
  Latency Distribution
     50%    1.45ms
     75%    1.60ms
     90%  812.00us
     99%    2.29s
  89740 requests in 2.00s, 11.30MB read
{errors}Requests/sec:  44870.10
Transfer/sec:      5.65MB
"""


def test_wrk_is_read() -> None:
    seen = wrk.parse(REPORT.format(errors=""))
    assert seen == wrk.Answered(requests=89740, per_second=44870.10, p50=1450.0, p99=2290000.0, failed=0)


@given(st.tuples(*[st.integers(0, 10**6)] * 5))
def test_every_failure_is_counted(counts: tuple[int, ...]) -> None:
    connect, read, write, timeout, status = counts
    errors = f"  Socket errors: connect {connect}, read {read}, write {write}, timeout {timeout}\n"
    errors += f"  Non-2xx or 3xx responses: {status}\n"
    assert wrk.parse(REPORT.format(errors=errors)).failed == sum(counts)


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(ValueError, match="wrk did not say"):
        wrk.parse("unable to connect")


def medians(per_second: float, cpu: float) -> dict[str, float]:
    return {"requests_per_second": per_second, "cpu_microseconds_per_request": cpu}


@pytest.mark.parametrize(
    ("ours", "theirs", "value", "judged_by"),
    [
        (medians(30, 1), medians(20, 9), 1.5, "requests per second"),
        (medians(21, 10), medians(20, 12), 1.2, "CPU time per request"),
        (medians(19, 10), medians(20, 5), 0.5, "CPU time per request"),
        (medians(10, 1), medians(20, 9), 0.5, "requests per second"),
    ],
)
def test_close_ratios_are_judged_by_cpu_time(
    ours: dict[str, float], theirs: dict[str, float], value: float, judged_by: str
) -> None:
    row = ratio("hello", ours, theirs, 1.0)
    assert (row.value, row.judged_by) == (value, judged_by)


@pytest.mark.parametrize(
    ("value", "relation", "verdict"),
    [(1.0, ">=", "reached"), (0.99, ">=", "missed"), (1.0, "<=", "reached"), (1.01, "<=", "missed")],
)
def test_a_verdict_follows_from_value_and_target(value: float, relation: Any, verdict: str) -> None:
    assert Row("x", value, relation, 1.0).verdict == verdict
    assert Row("x", None, relation, 1.0).verdict == "not measured"


def test_what_has_no_target_is_shown_and_what_cannot_be_had_is_skipped() -> None:
    assert Row("x", 1.0, ">=", None).verdict == "shown"
    assert Row("x", None, ">=", 4.0, skipped="there is no Go here").verdict == "skipped"


FIGURES: Seen = {
    "weft": {"per_second": 90.0, "p50_microseconds": 20.0},
    "peer": {"per_second": 30.0, "p50_microseconds": 80.0},
    "absent": "there is no Go here",
}


@pytest.mark.parametrize(("of", "value", "relation"), [("per_second", 3.0, ">="), ("p50_microseconds", 0.25, "<=")])
def test_rates_are_to_be_large_and_times_small(of: str, value: float, relation: str) -> None:
    row = quotient("calls", FIGURES, "weft", "peer", value, of=of)
    assert (row.measure, row.value, row.relation, row.verdict) == ("calls ÷ peer", value, relation, "reached")


def test_an_absent_peer_is_a_row_that_says_why() -> None:
    row = quotient("calls", FIGURES, "weft", "absent", 4, of="per_second")
    assert (row.value, row.verdict, row.skipped) == (None, "skipped", "there is no Go here")
    line = table([{**vars(row), "verdict": row.verdict}]).splitlines()[-1]
    assert line == "| calls ÷ absent | – | ≥ 4 × | skipped (there is no Go here) |"


def test_a_row_without_target_shows_none() -> None:
    row = quotient("calls", FIGURES, "weft", "peer", None, of="per_second")
    assert table([{**vars(row), "verdict": row.verdict}]).splitlines()[-1] == "| calls ÷ peer | 3 × | – | shown |"


def test_a_host_measures_what_it_is_asked(tmp_path: Path) -> None:
    command = [sys.executable, str(PEERS / "pipe_host.py")]
    program = processes.Program(command, tmp_path, tmp_path / "log", answers=True)
    with processes.running(program):
        host = Host(program)
        calls = host.ask(Ask("calls", size=100, in_flight=4), 0.1)
        assert calls["per_second"] > 0
        assert host.ask(Ask("latency"), 0.1)["p99_microseconds"] > 0
        absent = compare({"there": host, "absent": "why"}, Ask("calls"), Plan(tmp_path, rounds=1, seconds=0))
        assert absent["absent"] == "why"
        host.end()
        assert program.process.returncode == 0


def test_a_host_that_dies_is_named_with_its_output(tmp_path: Path) -> None:
    program = processes.Program(
        [sys.executable, "-c", "raise SystemExit('no such plugin')"], tmp_path, tmp_path / "log", answers=True
    )
    with processes.running(program), pytest.raises(processes.Died, match="no such plugin"):
        Host(program)


def test_the_table_shows_value_target_and_verdict() -> None:
    row = {"measure": "m", "value": 1.25, "unit": "s", "relation": "<=", "target": 2, "verdict": "reached"}
    assert table([row | {"judged_by": ""}]).splitlines()[-1] == "| m | 1.25 s | ≤ 2 s | reached |"


def test_cpu_time_and_memory_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint('burnt', flush=True)\ntime.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    program = processes.Program([sys.executable, "-c", parent], tmp_path, tmp_path / "log")
    with processes.running(program):
        program.wait(lambda: "burnt" in program.log.read_text(), 30)
        pids = program.pids()
        assert len(pids) == 2
        assert processes.cpu_seconds(pids) >= 0.19
        assert processes.pss(pids[1]) > 1_000_000
    assert not any(Path(f"/proc/{pid}").exists() and processes.cpu_seconds([pid]) > 0 for pid in pids[:1])


def test_a_program_that_does_not_serve_is_named_with_its_output(tmp_path: Path) -> None:
    program = processes.Program([sys.executable, "-c", "print('no such app')"], tmp_path, tmp_path / "log")
    with processes.running(program), pytest.raises(processes.Died, match="no such app"):
        program.wait(lambda: False, 10)


def test_a_programs_output_or_what_it_died_of() -> None:
    assert processes.output([sys.executable, "-c", "print('done')"], 30) == "done\n"
    with pytest.raises(processes.Died, match="no such hook"):
        processes.output([sys.executable, "-c", "raise SystemExit('no such hook')"], 30)
    with pytest.raises(processes.Died, match=r"has not ended after 0\.1 s"):
        processes.output([sys.executable, "-c", "import time; time.sleep(60)"], 0.1)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: list[bytes]) -> None:
    """Answers each request with the next of ``answers``; closes the connection after the last."""
    try:
        while answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.pop(0))
            await writer.drain()
    except asyncio.IncompleteReadError:
        return
    finally:
        writer.close()


def answer(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    ("answers", "answered", "lost", "stale"),
    [
        ([answer(b"5"), answer(b"6")], 2, 0, 0),
        ([answer(b"4")], 1, 0, 1),
        ([answer(b"", 503)], 0, 1, 0),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n5"], 0, 1, 0),
        ([b""], 0, 1, 0),
    ],
)
def test_clients_count_what_was_answered_lost_and_stale(
    run: Callable[..., Any], answers: list[bytes], answered: int, lost: int, stale: int
) -> None:
    async def main() -> clients.Tally:
        left = list(answers)
        server = await asyncio.start_server(lambda r, w: _serve(r, w, left), "127.0.0.1", 0)
        tally = clients.Tally(server.sockets[0].getsockname()[1], judge_versions=True, floor=5)
        async with server:
            client = asyncio.create_task(clients.repeat(tally, "keep-alive", clients.keep_alive, keep=True))
            deadline = time.monotonic() + 10
            while tally.answered.total() + tally.lost.total() < answered + lost and time.monotonic() < deadline:
                await asyncio.sleep(0)
            tally.stop = True
            await client
        return tally

    tally = run(main())
    assert tally.answered.total() == answered
    assert tally.lost.total() >= lost
    assert bool(tally.lost) >= bool(lost)
    assert tally.stale.total() == stale


def test_the_page_shows_what_was_seen_and_what_the_ratios_are_made_of() -> None:
    row = quotient("calls", FIGURES, "weft", "peer", 2, of="per_second")
    machine = {"cpu": "C", "cores": 2, "kernel": "6", "python": "3", "versions": {"grpcio": "1"}}
    rows = [{**vars(row), "verdict": row.verdict, "benchmark": "calls_small"}]
    text = page.section({"when": "today", "machine": machine, "rounds": 3, "seconds": 1, "rows": rows})
    assert "The server" not in text
    assert "| calls ÷ peer | 3 × | ≥ 2 × | reached |" in text
    assert "| weft | 90 | 20 |" in text
    assert "| peer | 30 | 80 |" in text


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_benchmark_measures_and_says_what(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert callable(module.measure)
