"""The demo does what the README says it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

LEAST_AUROC = 0.98


def test_the_demo_inspects_reports_and_cleans_up(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    command = [sys.executable, "-m", "goldenpart.client.demo", "--report", str(report)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOLDENPART_")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    auroc = re.search(r"AUROC\s+([01]\.\d+)", done.stdout)
    assert auroc is not None, done.stdout
    assert float(auroc[1]) >= LEAST_AUROC
    page = report.read_text()
    assert page.count("data:image/") >= 6, "overlays are part of the report"
    assert not re.search(r"""(src|href)=["']https?://""", page), "the report must stand alone"
