"""Settings of the worker, from GOLDENPART_WORKER_* variables, a .env file or files in a secrets folder."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic.functional_validators import field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from goldenpart.client.drift import DriftLimits
from goldenpart.worker.topology import INSPECT_QUEUE

SECRETS_FOLDER = Path("/run/secrets")

CommaList = Annotated[tuple[str, ...], NoDecode]
"""Several words separated by commas."""


class WorkerSettings(BaseSettings):
    """Holds what an operator can set. Every field says its unit; docs/line.md has the table."""

    model_config = SettingsConfigDict(
        env_prefix="GOLDENPART_WORKER_", secrets_dir=SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None, frozen=True, extra="ignore"
    )

    amqp_urls: Annotated[tuple[SecretStr, ...], NoDecode] = (SecretStr("amqp://guest:guest@127.0.0.1:5672/%2F"),)
    """Nodes of the broker, separated by commas; tried in turn."""
    amqp_heartbeat_s: int = Field(default=10, ge=2, le=600)
    queue: str = INSPECT_QUEUE
    """Queue of frames; give each line its own to share the load between workers."""
    frame_bindings: CommaList = ("#",)
    """Which cameras' frames the queue gets, as topic patterns."""
    declare_topology: bool = True
    """Off for a worker whose broker user may not declare; everything must be there then."""

    server: str = "127.0.0.1:50051"
    """Address of the gRPC server."""
    server_root_certificates: Path | None = None
    """PEM file; with it the server is spoken to by TLS."""
    server_token: SecretStr | None = None

    max_body_bytes: int = Field(default=8 << 20, ge=1)
    """Largest message body. Above it, send a reference; RabbitMQ 4 takes 16 MiB at most."""
    image_roots: CommaList = ()
    """Folders that file: references may point into; none means no such references."""
    image_buckets: CommaList = ()
    """Buckets that s3: references may name; needs the extra s3."""
    image_endpoint_url: str | None = None
    """S3 endpoint other than AWS."""
    max_image_bytes: int = Field(default=48 << 20, ge=1)
    """Largest picture behind a reference."""

    batch_frames: int = Field(default=16, ge=1, le=1024)
    batch_age_s: float = Field(default=0.01, ge=0, le=10)
    """A frame waits at most so long for company."""
    calls_in_flight: int = Field(default=2, ge=1, le=64)
    prefetch: int = Field(default=64, ge=1, le=65535)
    """Frames the broker hands out before the first is answered; raised to two batches more than are in flight if it is less."""

    budget_s: float = Field(default=10.0, gt=0, le=86400)
    """Verdicts of frames that do not say are wanted within this time."""
    reserve_s: float = Field(default=0.1, ge=0, le=60)
    """NOT_INSPECTED leaves so long before the deadline, so that it arrives in time."""
    attempt_limit: int = Field(default=6, ge=2, le=19)
    """A frame whose delivery was lost this often is parked; lower than the queue's x-delivery-limit."""
    server_death_limit: int = Field(default=4, ge=3, le=100)
    """A frame in flight at so many deaths of the server is parked; from the second on it was sent alone."""

    recent_events: int = Field(default=20_000, ge=1)
    recent_bytes: int = Field(default=64 << 20, ge=1)
    recall_s: float = Field(default=300.0, ge=0)
    """How far back events are read from the broker when a session begins."""
    recall_timeout_s: float = Field(default=10.0, gt=0)

    drift_watch: bool = True
    """Watch cameras for drift: docs/drift.md."""
    drift_watches: int = Field(default=64, ge=1, le=10_000)
    """Cameras and categories watched at once; bounds memory and metrics."""
    drift_period_frames: int = Field(default=10_000, ge=100)
    drift_false_alarm_probability: float = Field(default=0.01, gt=0, lt=1)
    """Most probable false alarm of a camera and category within a period."""

    drain_s: float = Field(default=20.0, gt=0)
    """After SIGTERM, what is not done by then goes back to the queue."""
    health_host: str = "127.0.0.1"
    health_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of /livez, /readyz and /metrics; unset means none."""
    log_format: str = Field(default="json", pattern="^(json|console)$")

    @field_validator("amqp_urls", "frame_bindings", "image_roots", "image_buckets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @property
    def drift_limits(self) -> DriftLimits | None:
        """How careful drift watches are; None where there is none."""
        if not self.drift_watch:
            return None
        return DriftLimits(period_frames=self.drift_period_frames, false_alarm_probability=self.drift_false_alarm_probability)

    @property
    def effective_prefetch(self) -> int:
        """Prefetch that keeps all calls busy: two batches beside those in flight (PITFALLS: at least 2 batches)."""
        return min(65535, max(self.prefetch, (self.calls_in_flight + 2) * self.batch_frames))
