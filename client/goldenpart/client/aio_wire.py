"""Moves messages of the asyncio client and turns what goes wrong into the client's errors."""

from __future__ import annotations  # grpc's classes take type arguments in their stubs only

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import grpc
from grpc import aio

from goldenpart.client.channel import Connection
from goldenpart.client.errors import error_from_rpc

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
_END = object()


class AsyncUpload(Generic[_Request]):
    """Request messages of a call; remembers why they broke off.

    gRPC cancels a call whose request iterator raises, and tells nobody why. Messages from a plain iterable are made in a thread,
    because making one may read a file.
    """

    def __init__(self, messages: Iterable[_Request] | AsyncIterator[_Request]) -> None:
        self.error: Exception | None = None
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[_Request]:
        try:
            if isinstance(self._messages, AsyncIterator):
                async for message in self._messages:
                    yield message
                return
            remaining = iter(self._messages)
            while (made := await asyncio.to_thread(next, remaining, _END)) is not _END:
                yield made  # type: ignore[misc]  # next gives a message or _END
        except Exception as error:
            self.error = error
            raise


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
        with self._errors():
            return await method(request, timeout=timeout_s, metadata=self._metadata, wait_for_ready=wait_for_ready)

    async def download(
        self, method: aio.UnaryStreamMultiCallable[_Request, _Reply], request: _Request, timeout_s: float
    ) -> AsyncIterator[_Reply]:
        """Yield the replies of a call; closing the generator cancels it."""
        call = method(request, timeout=timeout_s, metadata=self._metadata)
        try:
            with self._errors():
                async for reply in call:
                    yield reply
        finally:
            call.cancel()

    async def upload(
        self, method: aio.StreamUnaryMultiCallable[_Request, _Reply], messages: Iterable[_Request], timeout_s: float
    ) -> _Reply:
        """Send messages and wait for the one reply."""
        upload = AsyncUpload(messages)
        with self._errors(upload):
            return await method(upload.__aiter__(), timeout=timeout_s, metadata=self._metadata)

    async def exchange(
        self,
        method: aio.StreamStreamMultiCallable[_Request, _Reply],
        messages: Iterable[_Request] | AsyncIterator[_Request],
        timeout_s: float | None,
    ) -> AsyncIterator[_Reply]:
        """Send messages and yield replies as they come; closing the generator cancels the call."""
        upload = AsyncUpload(messages)
        call = method(upload.__aiter__(), timeout=timeout_s, metadata=self._metadata)
        try:
            with self._errors(upload):
                async for reply in call:
                    yield reply
        finally:
            call.cancel()

    @property
    def _metadata(self) -> aio.Metadata:
        return aio.Metadata(*self.connection.metadata)

    @contextmanager
    def _errors(self, upload: AsyncUpload[_Request] | None = None) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, asyncio.CancelledError) as error:
            if upload is not None and upload.error is not None:
                raise upload.error from None
            if isinstance(error, grpc.RpcError):
                raise error_from_rpc(error, self.connection.address) from error
            raise
