from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from weft.packages.exclusive import exclusive, exclusive_if_free
from weft.packages.programs import Finished, run


def start(code: str, **options) -> Finished:
    given = {"env": {}, "cwd": Path("/"), "deadline": 30, **options}
    return asyncio.run(run([sys.executable, "-S", "-c", code], **given))


def test_output_errors_and_code_come_back():
    done = start("import sys; print(sys.stdin.read()); print('one\\ntwo', file=sys.stderr); sys.exit(3)", given="hä")
    assert done == Finished(3, "hä\n", "one\ntwo")


def test_every_line_is_told_and_the_last_are_kept():
    lines: list[str] = []
    done = start("import sys\nfor n in range(1000): print(n, file=sys.stderr)", progress=lines.append)
    assert lines == [str(n) for n in range(1000)]
    assert done.errors.splitlines() == lines[-400:]


def test_a_line_without_end_is_bounded():
    done = start("import sys; sys.stderr.write('x' * 5_000_000)")
    assert set(done.errors) == {"x"}
    assert len(done.errors) < 100_000


def test_an_end_that_is_cancelled_too_leaves_nothing_in_the_loop():
    async def main() -> asyncio.Task[Finished]:
        started = asyncio.Event()
        code = "import sys, time; print(file=sys.stderr, flush=True); time.sleep(60)"
        running = asyncio.create_task(
            run(
                [sys.executable, "-S", "-c", code], env={}, cwd=Path("/"), deadline=60, progress=lambda _: started.set()
            )
        )
        await started.wait()
        running.cancel()
        await asyncio.sleep(0)  # its program is being ended, and now the loop ends, which cancels it once more
        return running

    assert asyncio.run(main()).cancelled()
    gc.collect()  # a transport that was left open says so now


@pytest.mark.parametrize("late", ["deadline", "cancelled"])
def test_the_whole_group_is_ended(tmp_path, late):
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid)); print('up', file=sys.stderr, flush=True); time.sleep(60)"
    )

    async def main() -> None:
        up = asyncio.Event()
        deadline = 2 if late == "deadline" else 60
        command = [sys.executable, "-S", "-c", code]
        task = asyncio.create_task(
            run(command, env={}, cwd=Path("/"), deadline=deadline, progress=lambda _line: up.set())
        )
        await up.wait()
        if late == "cancelled":
            task.cancel()
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await task

    asyncio.run(main())
    # Killed is not yet gone: the fixture that looks for processes left behind would find it, too.
    with suppress(ProcessLookupError, FileNotFoundError):  # gone
        while Path(f"/proc/{pid.read_text()}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
            time.sleep(0.01)


def test_what_cannot_be_started_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        asyncio.run(run([tmp_path / "gone"], env={}, cwd=Path("/"), deadline=5))


def test_one_holder_at_a_time(tmp_path):
    lock = tmp_path / "lock"

    async def main() -> None:
        async with exclusive(lock, within=5):
            with exclusive_if_free(lock) as free:
                assert not free
            with pytest.raises(TimeoutError):
                async with exclusive(lock, within=0.1):
                    pass
        async with exclusive(lock, within=5):
            pass
        with exclusive_if_free(lock) as free:
            assert free

    asyncio.run(main())
    assert not lock.exists()


def test_a_program_that_inherits_the_lock_holds_it_on(tmp_path):
    lock = tmp_path / "lock"

    async def main() -> None:
        release, wait = os.pipe()[::-1]
        async with exclusive(lock, within=5) as held:
            up = asyncio.Event()
            code = f"import os, sys; print('up', file=sys.stderr, flush=True); os.read({wait}, 1)"
            options = {"env": {}, "cwd": Path("/"), "deadline": 30, "holding": [held, wait]}
            command = [sys.executable, "-S", "-c", code]
            task = asyncio.create_task(run(command, **options, progress=lambda _line: up.set()))
            await up.wait()
        with exclusive_if_free(lock) as free:
            assert not free
        os.write(release, b".")
        await task
        with exclusive_if_free(lock) as free:
            assert free
        os.close(release)
        os.close(wait)

    asyncio.run(main())
