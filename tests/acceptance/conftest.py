"""Real images: GOLDENPART_DATA names their folder; where it is absent tests skip, under CI they fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def real_images() -> Path:
    folder = Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data"))
    if folder.is_dir():
        return folder
    reason = f"no real images at {folder}; set GOLDENPART_DATA to a folder of categories in MVTec layout"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured, whichever process measured it."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    for report in reports:
        for name, value in getattr(report, "user_properties", []):
            if name == "measured":
                terminalreporter.write_line(str(value))
