"""A `goldenpart-worker` for the length of a block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from goldenpart.worker.bus import LineSession
from goldenpart.worker.demo.errors import WorkerProcessError
from goldenpart.worker.simulate.processes import SupervisedWorker
from goldenpart.worker.topology import INSPECT_QUEUE

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05
_LOG_TAIL_BYTES = 4000


@contextlib.asynccontextmanager
async def running_worker(session: LineSession, amqp_url: str, server: str, log_file: Path) -> AsyncIterator[None]:
    """Starts a worker, waits until it takes frames, and stops it by SIGTERM at the end, whatever happens.

    Args:
        session: With the broker; its inspect queue exists and has no consumer yet.
        amqp_url: Broker.
        server: Address of the gRPC server.
        log_file: Gets the worker's log.

    Raises:
        WorkerProcessError: It took no frames within START_TIMEOUT_S, crashed, or did not end with status 0.
        BusError: The broker went away.
    """
    settings = {
        "GOLDENPART_WORKER_AMQP_URLS": amqp_url,
        "GOLDENPART_WORKER_SERVER": server,
        "GOLDENPART_WORKER_QUEUE": INSPECT_QUEUE,
        "GOLDENPART_WORKER_FRAME_BINDINGS": "#",
    }
    worker = SupervisedWorker(settings, log_file, STOP_TIMEOUT_S)
    await worker.start()
    try:
        await _until_it_listens(session, worker, log_file)
        yield
    finally:
        status = await worker.stop()
    if worker.starts != 1 or status != 0:
        raise WorkerProcessError(
            f"the worker was started {worker.starts} times and ended with status {status}, not once and with 0; {_tail(log_file)}"
        )


async def _until_it_listens(session: LineSession, worker: SupervisedWorker, log_file: Path) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not (await session.state_of(INSPECT_QUEUE)).consumers:  # the broker does not tell when that changes
                if worker.starts > 1:
                    raise WorkerProcessError(f"the worker ended at once; {_tail(log_file)}")
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise WorkerProcessError(f"the worker took no frames within {START_TIMEOUT_S:g} s; {_tail(log_file)}") from error


def _tail(log_file: Path) -> str:
    return f"end of its log:\n{log_file.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors='replace')}"
