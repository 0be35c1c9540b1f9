"""What happens around every call: errors become statuses, calls are counted, nothing escapes as an unknown failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
import structlog

from goldenpart.server.api.call_gate import CallGate
from goldenpart.server.api.status import hide, to_status
from goldenpart.server.errors import GoldenpartError

_log = structlog.get_logger(__name__)

OnCall = Callable[[str, str, float], None]
"""Called with the method's name, the status code's name and the duration in seconds."""


class EdgeInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls in, counts them and maps their errors, in one place.

    `abort` raises a bare exception (grpc #36009), so it is called here only, after the handler has ended.

    Args:
        gate: closed when the server shuts down.
        on_call: for metrics.
    """

    def __init__(self, gate: CallGate, on_call: OnCall) -> None:
        self._gate = gate
        self._on_call = on_call

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler of our own services; health and reflection stay as they are."""
        found = await continuation(details)
        if found is None or not details.method.startswith("/goldenpart."):
            return found
        handler: Any = found
        name = details.method.rpartition("/")[2]
        serializers = {"request_deserializer": handler.request_deserializer, "response_serializer": handler.response_serializer}
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._wrap_unary(name, handler.unary_unary), **serializers)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._wrap_unary(name, handler.stream_unary), **serializers)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._wrap_stream(name, handler.unary_stream), **serializers)
        return grpc.stream_stream_rpc_method_handler(self._wrap_stream(name, handler.stream_stream), **serializers)

    def _wrap_unary(self, name: str, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.monotonic()
            try:
                with self._gate.enter():
                    response = await handle(request, context)
            except BaseException as error:
                await self._end(name, error, context, started)
                raise
            self._on_call(name, "OK", time.monotonic() - started)
            return response

        return call

    def _wrap_stream(self, name: str, handle: Callable[..., AsyncGenerator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            started = time.monotonic()
            try:
                with self._gate.enter():
                    async with aclosing(handle(request, context)) as responses:  # whatever ends the call ends its handler, now
                        async for response in responses:
                            yield response
            except BaseException as error:
                await self._end(name, error, context, started)
                raise
            self._on_call(name, "OK", time.monotonic() - started)

        return call

    async def _end(self, name: str, error: BaseException, context: grpc.aio.ServicerContext[Any, Any], started: float) -> None:
        """Count a call that failed, and abort it with the status of its error. Returns only where there is nobody to tell."""
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._on_call(name, "CANCELLED", time.monotonic() - started)
            return
        if not isinstance(error, Exception):
            return
        known = error if isinstance(error, GoldenpartError) else hide(error)
        if known is not error:
            _log.error("call_broke", method=name, exc_info=error)
        self._on_call(name, known.code, time.monotonic() - started)
        await context.abort_with_status(to_status(known))
