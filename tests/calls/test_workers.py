"""Kept tasks: to the code that runs in them they are tasks of its own."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from weft.calls.workers import Job, Workers

seen = contextvars.ContextVar("seen", default="nothing")


def finished(workers, function, *args):
    """Run a coroutine function; a future of what it returns, or of its exception."""
    ends = asyncio.get_running_loop().create_future()

    async def watched():
        try:
            ends.set_result(await function(*args))
        except asyncio.CancelledError:
            ends.cancel()
        except Exception as error:  # noqa: BLE001 (whatever it is, the test gets it)
            ends.set_exception(error)

    job = Job(watched())
    workers.run(job)
    return job, ends


def test_jobs_begin_in_order_and_wait_side_by_side(run, eventually):
    async def main():
        workers, order, gate = Workers(), [], asyncio.Event()

        async def job(number):
            order.append(number)
            await gate.wait()
            return number

        ends = [finished(workers, job, number)[1] for number in range(200)]
        await eventually(lambda: order == list(range(200)))
        gate.set()
        assert await asyncio.gather(*ends) == list(range(200))
        await workers.close()

    run(main())


def test_jobs_that_never_wait_share_a_task_one_after_another(run):
    async def main():
        workers = Workers()

        async def job():
            return asyncio.current_task()

        ends = [finished(workers, job)[1] for _ in range(100)]
        assert len(set(await asyncio.gather(*ends))) <= 2
        await workers.close()

    run(main())


def test_no_context_variable_leaks_into_the_next_job(run):
    async def main():
        workers = Workers()

        async def job(number):
            before = seen.get()
            seen.set(number)
            await asyncio.sleep(0)
            return before, seen.get()

        for number in range(3):
            assert await finished(workers, job, number)[1] == ("nothing", number)
        await workers.close()

    run(main())


def test_timeouts_and_task_groups_work_within(run):
    async def main():
        workers = Workers()

        async def slow():
            try:
                await asyncio.wait_for(asyncio.sleep(10), 0.01)
            except TimeoutError:
                return await asyncio.gather(asyncio.sleep(0, "one"), asyncio.sleep(0, "two"))

        async def grouped():
            async with asyncio.timeout(5), asyncio.TaskGroup() as group:
                task = group.create_task(asyncio.sleep(0.01, "three"))
            return task.result()

        assert await finished(workers, slow)[1] == ["one", "two"]
        assert await finished(workers, grouped)[1] == "three"
        await workers.close()

    run(main())


def test_a_job_is_cancelled_where_it_waits_and_its_task_is_not_used_again(run, eventually):
    async def main():
        workers = Workers()

        async def hold():
            tasks.append(asyncio.current_task())
            await asyncio.Event().wait()

        async def which():
            return asyncio.current_task()

        tasks = []
        job, ends = finished(workers, hold)
        await eventually(lambda: tasks)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ends
        assert await finished(workers, which)[1] not in tasks
        job.cancel()
        await workers.close()

    run(main())


def test_a_job_cancelled_before_it_began_never_begins(run):
    async def main():
        workers, began = Workers(), []

        async def job():
            began.append(True)

        first, _ = finished(workers, job)
        first.cancel()
        _, ends = finished(workers, job)
        await ends
        assert began == [True]
        await workers.close()

    run(main())


def test_a_job_that_cancels_itself_spoils_no_other(run):
    async def main():
        workers = Workers()

        async def itself():
            asyncio.current_task().cancel()
            return "done"

        async def later():
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)

        async def fine():
            await asyncio.sleep(0)
            return "fine"

        assert await finished(workers, itself)[1] == "done"
        await finished(workers, later)[1]
        await asyncio.sleep(0)  # the task that ran it is cancelled while it has nothing to do
        ends = [finished(workers, fine)[1] for _ in range(5)]
        assert await asyncio.gather(*ends) == ["fine"] * 5
        await workers.close()

    run(main())


def test_exceptions_are_thrown_where_the_job_waits(run):
    async def main():
        workers = Workers()

        async def job():
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_exception, ValueError("no"))
            await future

        with pytest.raises(ValueError, match="no"):
            await finished(workers, job)[1]
        await workers.close()

    run(main())


def test_a_worker_that_is_cancelled_when_it_is_called_leaves_its_jobs_to_another(run):
    async def main():
        workers, kept = Workers(), []

        async def job():
            kept.append(asyncio.current_task())
            return "done"

        assert await finished(workers, job)[1] == "done"
        await asyncio.sleep(0)  # its task is idle now
        _, ends = finished(workers, job)
        kept[0].cancel()  # as what the first job left behind may do
        async with asyncio.timeout(5):
            assert await ends == "done"
            assert await finished(workers, job)[1] == "done"
        assert kept[1] is not kept[0]
        await workers.close()

    run(main())
