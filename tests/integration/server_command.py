"""Runs `goldenpart-server` as a command and waits for its end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def run_server(
    folder: Path, flags: Sequence[str] = (), environment: Mapping[str, str] | None = None, script: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run the server, or a script that wraps it, in a folder of its own with nothing but these settings; its log comes on stderr."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GOLDENPART_")}
    command = [sys.executable, *(["-c", script] if script else ["-m", "goldenpart.server"]), *flags]
    with subprocess.Popen(
        command, cwd=folder, env={**own, **(environment or {})}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def ready_address(server: subprocess.Popen[str]) -> str:
    """Read the JSON log of a server until it is ready; returns its address."""
    assert server.stderr is not None
    log = []
    for line in server.stderr:
        log.append(line)
        if '"server_ready"' in line:
            address: str = json.loads(line)["address"]
            return address
    raise AssertionError("".join(log))


def outcome(server: subprocess.Popen[str], timeout_s: float = 60.0) -> tuple[int, str]:
    """Wait for a server's end; returns its exit status and what it wrote since it was last read."""
    _, log = server.communicate(timeout=timeout_s)
    return server.returncode, log
