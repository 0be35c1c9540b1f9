"""`goldenpart-server`: runs the model server until SIGTERM or SIGINT, or until the device executor dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog
from pydantic_settings import CliApp

from goldenpart.server.app import running_server
from goldenpart.server.errors import GoldenpartError
from goldenpart.server.settings import Settings, explain_settings_error
from goldenpart.server.telemetry import configure_logging

_log = structlog.get_logger("goldenpart.server")


def main() -> None:
    """Run the server. Exit status: 0 drained, 1 executor died, 2 it could not start."""
    try:
        settings = CliApp.run(Settings)
    except (ValueError, OSError) as error:
        text = explain_settings_error(error) if isinstance(error, ValueError) else str(error)
        print(f"goldenpart-server: a setting is wrong.\n{text}", file=sys.stderr)  # noqa: T201 - how to log is a setting too
        sys.exit(2)
    configure_logging(settings.log_format, settings.log_level)
    _log.info("server_starting", settings=settings.redacted())
    try:
        status = asyncio.run(_serve(settings))
    except (GoldenpartError, OSError, RuntimeError) as error:
        _log.critical("server_cannot_start", reason=str(error))
        status = 2
    sys.stderr.flush()
    if status == 1:
        os._exit(status)  # a device that died may hang the interpreter's shutdown
    sys.exit(status)


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with running_server(settings) as app:
        if settings.port_file:
            _announce(settings.port_file, app.address)
        _log.info("server_ready", address=app.address, metrics=app.metrics_address)
        endings = [asyncio.create_task(stop.wait()), asyncio.create_task(app.died.wait())]
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for ending in endings:
            ending.cancel()
        return 1 if app.died.is_set() else 0


def _announce(port_file: Path, address: str) -> None:
    """Write the address in one step, so that a reader never sees half of it."""
    temporary = port_file.with_suffix(".tmp")
    temporary.write_text(address)
    temporary.replace(port_file)


if __name__ == "__main__":
    main()
