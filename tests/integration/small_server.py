"""Settings of a server for one test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from goldenpart.server.settings import Settings

MakeSettings = Callable[..., Settings]


def small_settings(artifacts: Path, **changes: Any) -> Settings:
    """Return settings of a server on free ports with one compute thread; keywords change them."""
    own: dict[str, Any] = {"listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0", "artifacts": artifacts, "threads": 1}
    return Settings(**(own | changes))
