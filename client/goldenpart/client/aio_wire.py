"""Moves messages of the asyncio client and turns what goes wrong into the client's errors."""

from __future__ import annotations  # grpc's classes take type arguments in their stubs only

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar, cast

import grpc
from grpc import aio

from goldenpart.client.channel import Connection
from goldenpart.client.errors import error_from_rpc

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
_Known = TypeVar("_Known")
_Item = TypeVar("_Item")
_END = object()
_OVERWRITTEN = "Internal error from Core"
_LATE_STATUS_S = 1.0
_LET_GO_S = 1.0


class AsyncUpload(Generic[_Request]):
    """Request messages of a call; remembers why they broke off, and lets go of their source when the call is over.

    gRPC cancels a call whose request iterator raises, and tells nobody why. Where the server ends the call, gRPC leaves the task that
    waits for the next message waiting for ever. Messages from a plain iterable are made in a thread, because making one may read a file.

    Attributes:
        messages: for gRPC, which reads them in a task of its own.
        error: what the source raised.
    """

    def __init__(self, source: Iterable[_Request] | AsyncIterator[_Request]) -> None:
        self.error: Exception | None = None
        self.messages: AsyncGenerator[_Request, None] = self._read(source)
        self._reader: asyncio.Task[object] | None = None

    async def end(self) -> None:
        """Stop reading: the source is cancelled where it waits and closed if it can be. One that does not let go soon is left to itself."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader], timeout=_LET_GO_S)
        if self._reader is None or self._reader.done():
            await self.messages.aclose()

    async def _read(self, source: Iterable[_Request] | AsyncIterator[_Request]) -> AsyncGenerator[_Request, None]:
        self._reader = asyncio.current_task()
        try:
            if isinstance(source, AsyncIterator):
                async with closed_at_the_end(source) as messages:
                    async for message in messages:
                        yield message
                return
            remaining = iter(source)
            while (made := await asyncio.to_thread(next, remaining, _END)) is not _END:
                yield made  # type: ignore[misc]  # next gives a message or _END
        except Exception as error:
            self.error = error
            raise


@asynccontextmanager
async def closed_at_the_end(source: AsyncIterable[_Item]) -> AsyncIterator[AsyncIterable[_Item]]:
    """Give what is iterated over, and close it if it is a generator, so that its `finally` runs now."""
    try:
        yield source
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


class FinalStatus:
    """The status with which the server ended a call, kept from being overwritten.

    A message that is still being sent when the server ends the call makes grpc.aio replace the server's status by INTERNAL
    (grpc #36066). Done callbacks run for each of the two, so the server's own can be told and kept. Belongs to the event loop.
    """

    def __init__(self, call: aio.Call) -> None:
        self._call = call
        self._told: asyncio.Future[aio.AioRpcError] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._take)

    async def of(self, error: aio.AioRpcError) -> aio.AioRpcError:
        """Return what the server said in place of `error`, or `error` if it said nothing else."""
        if error.details() != _OVERWRITTEN:
            return error
        await asyncio.wait([self._told], timeout=_LATE_STATUS_S)
        return self._told.result() if self._told.done() else error

    def _take(self, _: object) -> None:
        code, details = _at_once(self._call.code()), _at_once(self._call.details())
        if not self._told.done() and details != _OVERWRITTEN:
            trailing = _at_once(self._call.trailing_metadata())
            self._told.set_result(aio.AioRpcError(code, aio.Metadata(), trailing, details))


def _at_once(known: Coroutine[object, object, _Known]) -> _Known:
    """Return what a coroutine returns that has nothing to wait for."""
    try:
        known.send(None)
    except StopIteration as end:
        return cast("_Known", end.value)
    known.close()
    raise RuntimeError("the call is not done")


class AsyncWire:
    """A channel with its errors translated. Belongs to the event loop in which it was made."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.channel = connection.open_aio()

    async def close(self) -> None:
        """Close the channel; calls in flight are cancelled."""
        await self.channel.close()

    async def unary(
        self, method: aio.UnaryUnaryMultiCallable[_Request, _Reply], request: _Request, timeout_s: float, *, wait_for_ready: bool = False
    ) -> _Reply:
        """Make a unary call and wait for its reply."""
        async with self._errors():
            return await method(request, timeout=timeout_s, metadata=self._metadata, wait_for_ready=wait_for_ready)

    async def download(
        self, method: aio.UnaryStreamMultiCallable[_Request, _Reply], request: _Request, timeout_s: float
    ) -> AsyncIterator[_Reply]:
        """Yield the replies of a call; closing the generator cancels it."""
        call = method(request, timeout=timeout_s, metadata=self._metadata)
        try:
            async with self._errors():
                async for reply in call:
                    yield reply
        finally:
            call.cancel()

    async def upload(
        self, method: aio.StreamUnaryMultiCallable[_Request, _Reply], messages: Iterable[_Request], timeout_s: float
    ) -> _Reply:
        """Send messages and wait for the one reply."""
        upload = AsyncUpload(messages)
        call = method(upload.messages, timeout=timeout_s, metadata=self._metadata)
        async with self._errors(upload, FinalStatus(call)):
            return await call

    async def exchange(
        self,
        method: aio.StreamStreamMultiCallable[_Request, _Reply],
        messages: Iterable[_Request] | AsyncIterator[_Request],
        timeout_s: float | None,
    ) -> AsyncGenerator[_Reply, None]:
        """Send messages and yield replies as they come; closing the generator cancels the call."""
        upload = AsyncUpload(messages)
        call = method(upload.messages, timeout=timeout_s, metadata=self._metadata)
        final = FinalStatus(call)
        try:
            async with self._errors(upload, final):
                async for reply in call:
                    yield reply
        finally:
            call.cancel()

    @property
    def _metadata(self) -> aio.Metadata:
        return aio.Metadata(*self.connection.metadata)

    @asynccontextmanager
    async def _errors(self, upload: AsyncUpload[_Request] | None = None, final: FinalStatus | None = None) -> AsyncIterator[None]:
        try:
            yield
        except (grpc.RpcError, asyncio.CancelledError) as error:
            if upload is not None and upload.error is not None:
                raise upload.error from None
            if isinstance(error, aio.AioRpcError) and final is not None:
                error = await final.of(error)
            if isinstance(error, grpc.RpcError):
                raise error_from_rpc(error, self.connection.address) from error
            raise
        finally:
            if upload is not None:
                await upload.end()
