"""Moves messages of the sync client and turns what goes wrong into the client's errors."""

from __future__ import annotations  # grpc's classes take type arguments in their stubs only

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import grpc

from goldenpart.client.channel import Connection
from goldenpart.client.errors import error_from_rpc

CLOSE_S = 5.0
_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
_Reply_co = TypeVar("_Reply_co", covariant=True)


class _ReplyCall(Protocol[_Reply_co]):
    """A call that replies more than once."""

    def __iter__(self) -> Iterator[_Reply_co]: ...

    def cancel(self) -> object: ...


class Upload(Generic[_Request]):
    """Request messages of a call; remembers why they broke off.

    gRPC only logs an error of its request iterator, and ending the iterator quietly would make the server take half an upload
    for a whole one. So the call is cancelled first, and the error is kept for the caller.

    Owned by gRPC's sending thread once the call has started; ``error`` is read by the caller after the call has ended.
    """

    def __init__(self, messages: Iterable[_Request]) -> None:
        self.error: Exception | None = None
        self._messages = iter(messages)
        self._cancel: Callable[[], object] | None = None
        self._bound = threading.Event()

    def bind(self, cancel: Callable[[], object]) -> None:
        """Tell how the call is cancelled; the sending thread waits for it before it gives up."""
        self._cancel = cancel
        self._bound.set()

    def __iter__(self) -> Iterator[_Request]:
        return self

    def __next__(self) -> _Request:
        try:
            return next(self._messages)
        except StopIteration:
            raise
        except Exception as error:  # noqa: BLE001  # root of the sending thread: whatever reading an image raises belongs to the caller
            self.error = error
            self._bound.wait()
            assert self._cancel is not None
            self._cancel()
            raise StopIteration from None


class Wire:
    """A channel with its errors translated. Threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.channel = connection.open()

    def close(self) -> None:
        """Close the channel; calls in flight are cancelled.

        gRPC waits until all of them have ended, without end for one that an interrupt (Ctrl-C, SIGTERM) caught inside gRPC itself. So it
        closes in a thread that is waited for at most `CLOSE_S` seconds, and that does not keep the process from ending.
        """
        closing = threading.Thread(target=self.channel.close, name="close-channel", daemon=True)
        closing.start()
        closing.join(CLOSE_S)

    def unary(
        self, method: grpc.UnaryUnaryMultiCallable[_Request, _Reply], request: _Request, timeout_s: float, *, wait_for_ready: bool = False
    ) -> _Reply:
        """Make a unary call and wait for its reply."""
        with self._errors():
            return method(request, timeout=timeout_s, metadata=self.connection.metadata, wait_for_ready=wait_for_ready)

    def download(self, method: grpc.UnaryStreamMultiCallable[_Request, _Reply], request: _Request, timeout_s: float) -> Iterator[_Reply]:
        """Yield the replies of a call; closing the generator cancels it."""
        call = method(request, timeout=timeout_s, metadata=self.connection.metadata)
        yield from self._replies(call, None)

    def upload(self, method: grpc.StreamUnaryMultiCallable[_Request, _Reply], messages: Iterable[_Request], timeout_s: float) -> _Reply:
        """Send messages and wait for the one reply."""
        upload = Upload(messages)
        with self._errors(upload):
            call = method.future(iter(upload), timeout=timeout_s, metadata=self.connection.metadata)
            upload.bind(call.cancel)
            try:
                return call.result()
            finally:
                call.cancel()

    def exchange(
        self, method: grpc.StreamStreamMultiCallable[_Request, _Reply], messages: Iterable[_Request], timeout_s: float | None
    ) -> Iterator[_Reply]:
        """Send messages and yield replies as they come; closing the generator cancels the call."""
        upload = Upload(messages)
        call = method(iter(upload), timeout=timeout_s, metadata=self.connection.metadata)
        upload.bind(call.cancel)
        yield from self._replies(call, upload)

    def _replies(self, call: _ReplyCall[_Reply], upload: Upload[_Request] | None) -> Iterator[_Reply]:
        try:
            with self._errors(upload):
                yield from call
        finally:
            call.cancel()

    @contextmanager
    def _errors(self, upload: Upload[_Request] | None = None) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            if upload is not None and upload.error is not None:
                raise upload.error from None
            if isinstance(error, grpc.RpcError):
                raise error_from_rpc(error, self.connection.address) from error
            raise
