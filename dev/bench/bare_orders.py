"""Runs bare orders: `python -m dev.bench.bare_orders worker`, and `… buy ORDERS BUYERS`, which prints a tally."""

import asyncio
import itertools
import os
import signal
import sys
import time
from datetime import timedelta
from uuid import uuid4

import uvloop
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from dev.bench.bare_order import BareOrder, do_nothing
from dev.bench.load import Tally, print_tally

QUEUE = "bench"
STICKY = timedelta(seconds=2)  # as worker.py has it


async def work() -> None:
    """A worker until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await _connect()
    async with Worker(
        client, task_queue=QUEUE, workflows=[BareOrder], activities=[do_nothing],
        workflow_runner=UnsandboxedWorkflowRunner(), sticky_queue_schedule_to_start_timeout=STICKY,
    ):  # fmt: skip
        await stop.wait()


async def buy(orders: int, buyers: int) -> Tally:
    """`buyers` tasks place `orders` between them, each one after the other."""
    client = await _connect()
    left, latencies = itertools.count(), list[float]()

    async def buyer() -> None:
        while next(left) < orders:
            start = WithStartWorkflowOperation(
                BareOrder.run, id=f"bare/{uuid4()}", task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.FAIL
            )
            sent = time.perf_counter()
            await client.execute_update_with_start_workflow(BareOrder.placed, start_workflow_operation=start)
            latencies.append(time.perf_counter() - sent)

    began_at, began, cpu = time.time(), time.perf_counter(), time.process_time()
    await asyncio.gather(*(buyer() for _ in range(buyers)))
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return Tally(seconds, began_at, {200: len(latencies)}, latencies, cpu_seconds, len(latencies))


async def _connect() -> Client:
    return await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])


def main() -> None:
    """The command line."""
    if sys.argv[1] == "worker":
        uvloop.run(work())
    else:
        print_tally(uvloop.run(buy(int(sys.argv[2]), int(sys.argv[3]))))
    os._exit(0)  # the SDK's threads can abort a process that tears its interpreter down


if __name__ == "__main__":
    main()
