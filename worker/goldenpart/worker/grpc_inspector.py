"""The server behind gRPC as the worker's inspector."""

import asyncio
from collections.abc import Sequence

import grpc
from grpc import aio

from goldenpart.client import errors as client_errors
from goldenpart.client.channel import CHANNEL_OPTIONS, Connection
from goldenpart.v1 import inspection_pb2, inspection_pb2_grpc, server_info_pb2, server_info_pb2_grpc
from goldenpart.worker.errors import (
    CallRefusedError,
    CallTooLargeError,
    InspectorError,
    ServerDiedError,
    ServerOverloadedError,
    ServerUnavailableError,
)
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits, to_request

# gRPC must not send a call again on its own: a frame that kills the server would kill each one that comes up, uncounted.
# A server that is back is noticed within a second.
_OWN_OPTIONS: dict[str, int | str] = {
    "grpc.enable_retries": 0,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}
_INFO_TIMEOUT_S = 5.0
# The server answers DEADLINE_PASSED itself; the call's own end is only for a server that hangs.
_GRACE_S = 0.5
_CLOSE_GRACE_S = 30.0
# Words of gRPC's transport for calls that never left this machine.
_NOT_SENT = ("failed to connect", "connect failed", "connections to all backends failing", "name resolution", "dns resolution", "refused")


class GrpcInspector:
    """Implements `inspector.Inspector` with goldenpart.v1.InspectionService."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: aio.Channel | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def limits(self) -> InspectorLimits:
        """See `Inspector.limits`."""
        stub = server_info_pb2_grpc.ServerInfoServiceStub(self._open())
        try:
            info: server_info_pb2.GetServerInfoResponse = await stub.GetServerInfo(
                server_info_pb2.GetServerInfoRequest(), timeout=_INFO_TIMEOUT_S, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise _translate(error, self._connection.address) from error
        return InspectorLimits(info.limits.frames_per_call or 1, info.limits.message_bytes)

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        """See `Inspector.inspect`."""
        stub = inspection_pb2_grpc.InspectionServiceStub(self._open())
        try:
            response: inspection_pb2.InspectResponse = await stub.Inspect(
                to_request(frames, budgets_s), timeout=max(budgets_s) + _GRACE_S, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise _translate(error, self._connection.address) from error
        if [result.frame_id for result in response.results] != [str(position) for position in range(len(frames))]:
            raise CallRefusedError(f"the server gave {len(response.results)} results for {len(frames)} frames, or in another order")
        return response.results

    async def reset(self) -> None:
        """See `Inspector.reset`. Calls that still run on the old connection may end there."""
        channel, self._channel = self._channel, None
        if channel is not None:
            closing = asyncio.create_task(channel.close(grace=_CLOSE_GRACE_S))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """See `Inspector.close`."""
        channel, self._channel = self._channel, None
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        if channel is not None:
            await channel.close()

    @property
    def _metadata(self) -> aio.Metadata:
        return aio.Metadata(*self._connection.metadata)

    def _open(self) -> aio.Channel:
        # Opened late, because a channel belongs to the loop in which it is made.
        if self._channel is None:
            options = [*{**dict(CHANNEL_OPTIONS), **_OWN_OPTIONS}.items()]
            if self._connection.root_certificates is None:
                self._channel = aio.insecure_channel(self._connection.address, options=options)
            else:
                credentials = grpc.ssl_channel_credentials(self._connection.root_certificates)
                self._channel = aio.secure_channel(self._connection.address, credentials, options=options)
        return self._channel


def _translate(rpc_error: grpc.RpcError, address: str) -> InspectorError:
    """Sorts a failed call by what it means for its frames."""
    error = client_errors.error_from_rpc(rpc_error, address)
    message, retry_after_s = f"{error.reason}: {error}", error.retry_after_s
    if error.reason == "MESSAGE_TOO_LARGE":
        return CallTooLargeError(message)
    if isinstance(error, client_errors.Overloaded):
        return ServerOverloadedError(message, retry_after_s)
    if isinstance(error, client_errors.Unavailable):
        # Without details it was not the server that spoke: either nobody was there, or the connection broke under the call.
        nobody = error.reason != "UNREACHABLE" or any(words in str(error).lower() for words in _NOT_SENT)
        return ServerUnavailableError(message, retry_after_s) if nobody else ServerDiedError(message)
    if isinstance(error, client_errors.DeadlineExceeded | client_errors.Cancelled | client_errors.Internal):
        return ServerDiedError(message)
    return CallRefusedError(message)
