"""The demo of the whole line does what it says, and leaves nothing behind, also when it is interrupted.

What it started is found by a mark in the environment: broker, server and worker have sessions of their own, but inherit it.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LEAST_AUROC = 0.98
PARTS = 60
# Somebody else may be at work on this machine.
BUDGET_S = 60
MARK = "LINE_DEMO_UNDER_TEST"
END_TIMEOUT_S = 10.0


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Folder where the demo puts everything temporary."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(temporary: Path) -> Iterator[Mapping[str, str]]:
    """Environment of a demo that finds no broker; afterwards nothing that inherited it runs, nor is there a file of it."""
    mark = f"{MARK}={temporary}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOLDENPART_")}
    yield {**kept, "TMPDIR": str(temporary), MARK: str(temporary), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    end = time.monotonic() + END_TIMEOUT_S
    while (left := marked_processes(mark)) and time.monotonic() < end:
        time.sleep(0.1)  # Erlang's helpers end a moment after their node, and are no children of ours to wait for
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"still running: {left}"
    assert not list(temporary.iterdir())


def marked_processes(mark: str) -> dict[int, str]:
    """Returns the command lines of the processes that have the mark in their environment, by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return found


def command(report: Path) -> list[str]:
    return [sys.executable, "-m", "goldenpart.worker.demo", "--report", str(report), "--budget-s", str(BUDGET_S)]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")
def test_the_whole_line_inspects_reports_and_cleans_up(tmp_path: Path, environment: Mapping[str, str]) -> None:
    report = tmp_path / "report" / "report.html"
    done = subprocess.run(command(report), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert len(re.findall(r"^cam[12] part-\d{3} .*\t(PASS|FAIL)\t", done.stdout, re.MULTILINE)) == PARTS, said
    assert len(set(re.findall(r"^cam[12] (part-\d{3}) ", done.stdout, re.MULTILINE))) == PARTS, said
    promise = f"{PARTS} frames sent: {PARTS} answered, 0 missing, 0 repeated, 0 contradictory, 0 unexpected, 0 out of order, 0 late"
    assert promise in done.stdout
    auroc = re.search(r"image AUROC ([01]\.\d+)", done.stdout)
    assert auroc is not None, said
    assert float(auroc[1]) >= LEAST_AUROC
    latency = re.search(r"p50 (\d+) ms, p99 (\d+) ms", done.stdout)
    assert latency is not None, said
    assert 0 < int(latency[1]) <= int(latency[2]) <= BUDGET_S * 1000
    page = report.read_text()
    assert page.count("data:image/") >= 6, "overlays are part of the report"
    assert f"<b>{PARTS}</b>parts" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page), "the report must stand alone"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")
def test_an_interrupt_while_frames_are_on_the_line_cleans_up(tmp_path: Path, environment: Mapping[str, str]) -> None:
    with subprocess.Popen(
        [*command(tmp_path / "report.html"), "--rate", "1"],  # a minute of parts: the interrupt comes while they pass on any machine
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            before = []
            for line in demo.stdout:
                before.append(line)
                if line.startswith("cam"):
                    break
            started = " ".join(marked_processes(f"{MARK}={environment[MARK]}").values())
            for name in ("-m goldenpart.server ", "-m goldenpart.worker ", "beam.smp "):
                assert name in started, f"{name} is not among {started}"
            os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to everything that has no session of its own
            rest, errors = demo.communicate(timeout=90)
        finally:
            demo.kill()
    assert demo.returncode == 130, "".join(before) + rest + errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
