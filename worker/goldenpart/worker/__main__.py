"""`goldenpart-worker`: runs the line worker until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys
from pathlib import Path

import structlog
from pydantic import ValidationError

from goldenpart.client.channel import Connection
from goldenpart.worker.bus import TopologyConflictError
from goldenpart.worker.bus.rabbitmq import RabbitBus, RabbitTimeouts
from goldenpart.worker.errors import SettingsError
from goldenpart.worker.grpc_inspector import GrpcInspector
from goldenpart.worker.health import HealthServer
from goldenpart.worker.line import Line
from goldenpart.worker.references import BucketPictures, FolderPictures, Pictures, PictureSource
from goldenpart.worker.settings import WorkerSettings

_log = structlog.get_logger(__name__)

EXIT_WRONG_SETTINGS = 2
EXIT_TOPOLOGY_CONFLICT = 3


def main() -> int:
    """Runs the worker and returns its exit status: 0 after a drain, 2 for wrong settings, 3 for a broker that is set up otherwise."""
    try:
        settings = WorkerSettings()
        configure_log(settings.log_format)
        asyncio.run(run(settings))
    except (ValidationError, SettingsError) as error:
        sys.stderr.write(f"goldenpart-worker: {error}\n")
        return EXIT_WRONG_SETTINGS
    except TopologyConflictError as error:
        sys.stderr.write(f"goldenpart-worker: {error}\n")
        return EXIT_TOPOLOGY_CONFLICT
    return 0


async def run(settings: WorkerSettings) -> None:
    """Runs a line until a signal, with probes and metrics if a port is set."""
    line = make_line(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, line.stop)
    if settings.health_port is None:
        await line.run()
        return
    health = HealthServer(line, settings.health_host, settings.health_port)
    await health.start()
    _log.info("health_listening", host=settings.health_host, port=health.port)
    try:
        await line.run()
    finally:
        await health.close()


def make_line(settings: WorkerSettings) -> Line:
    """Connects the real broker, the real server and the allowed pictures.

    Raises:
        SettingsError: A setting needs an extra that is not installed.
    """
    urls = [url.get_secret_value() for url in settings.amqp_urls]
    bus = RabbitBus(urls, f"goldenpart-worker {settings.queue}", RabbitTimeouts(heartbeat_s=settings.amqp_heartbeat_s))
    token = settings.server_token.get_secret_value() if settings.server_token else None
    inspector = GrpcInspector(Connection.make(settings.server, settings.server_root_certificates, token))
    sources: dict[str, PictureSource] = {}
    if settings.image_roots:
        sources["file"] = FolderPictures([Path(root) for root in settings.image_roots])
    if settings.image_buckets:
        sources["s3"] = BucketPictures(settings.image_buckets, settings.image_endpoint_url)
    return Line(bus, inspector, Pictures(sources, settings.max_image_bytes), settings)


def configure_log(log_format: str) -> None:
    """Writes the log to stderr, as JSON lines or for people."""
    # pika logs each failed connection as an error with a trace; the line says the same in one line.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    last: structlog.typing.Processor = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main())
