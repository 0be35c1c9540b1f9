"""Where the server is and how to talk to it: the one place of channel options, deadlines and credentials."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc

DEFAULT_ADDRESS = "127.0.0.1:50051"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message in either direction; the server's limit is the same and published by GetServerInfo."""

READ_TIMEOUT_S = 10.0
INSPECT_TIMEOUT_S = 30.0
CHANGE_TIMEOUT_S = 120.0
"""Activating loads and verifies a bank."""
ONBOARDING_TIMEOUT_S = 3600.0
TRANSFER_TIMEOUT_S = 1800.0

_KEEPALIVE_MS = 60_000
_IDEMPOTENT = {
    "goldenpart.v1.InspectionService": ("Inspect",),
    "goldenpart.v1.CategoryService": ("GetCategory", "ListCategories", "GetRevision", "ListRevisions", "ExportRevision"),
    "goldenpart.v1.ServerInfoService": ("GetServerInfo",),
}
# UNAVAILABLE only (AIP-194): it means that nobody worked on the call. Overload is answered with RetryInfo, for the caller to slow down.
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# No healthCheckConfig: each channel would then hold a Health.Watch stream, for which a draining server waits out its whole grace.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{"service": s, "method": m} for s, methods in _IDEMPOTENT.items() for m in methods], "retryPolicy": _RETRY}],
}
CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 1),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC's own ceiling of two minutes would keep a camera blind long after its server is back.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and the credentials for it.

    Attributes:
        address: ``host:port``, or any gRPC target such as ``dns:///goldenpart:50051``; all addresses behind a name share the calls.
        root_certificates: PEM of the authorities that may have signed the server's certificate; None means no TLS.
        token: Sent as ``authorization: Bearer ...`` with every call; None means none. Travels in the clear without TLS.
    """

    address: str = DEFAULT_ADDRESS
    root_certificates: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def make(cls, address: str, root_certificates: bytes | Path | None, token: str | None) -> Self:
        """Make a connection; a path of certificates is read, a missing token comes from GOLDENPART_TOKEN.

        Raises:
            OSError: The certificates cannot be read.
        """
        pem = root_certificates.read_bytes() if isinstance(root_certificates, Path) else root_certificates
        return cls(address, pem, token or os.environ.get("GOLDENPART_TOKEN") or None)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def open(self) -> grpc.Channel:
        """Open a channel; connects when it is first used."""
        if self.root_certificates is None:
            return grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(self.root_certificates), options=CHANNEL_OPTIONS)

    def open_aio(self) -> grpc.aio.Channel:
        """Open a channel that belongs to the running event loop; connects when it is first used."""
        if self.root_certificates is None:
            return grpc.aio.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.root_certificates), options=CHANNEL_OPTIONS)
