"""Servers that are killed while they write.

The file is two programs: pytest's test, and, run as a script, a process that imports the registry once and then forks a writer per line
it reads, because importing takes seconds and dying takes none.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import IO, Any

import numpy as np
import pytest

from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.registry.store import GoldenImage, RevisionDraft, Store
from goldenpart.server.vision.bank import BankContent
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod
from goldenpart.server.vision.recipe import Recipe

KILLS = 20
CATEGORY = "gasket"
CALIBRATION = Calibration(CalibrationMethod.CONFORMAL, 0.5, None, 0.05, None, (0.1, 0.2), (), 0.05, None, "")
CHANGES = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"}


@dataclass(frozen=True)
class State:
    """What a server can be asked about the category: its revisions, and which one judges."""

    revisions: frozenset[str] = frozenset()
    active: str = ""

    def after(self, line: list[str]) -> State:
        """Return the state once a writer has reported a step as done."""
        step, revision, *rest = line
        active = revision if rest == ["active"] else self.active
        if step == "forget":
            return State()
        return State(self.revisions - {revision} if step == "delete" else self.revisions | {revision}, active)

    def may_become(self, other: State) -> bool:
        """Tell whether one step that was cut short anywhere could lead to the other state."""
        added, removed = other.revisions - self.revisions, self.revisions - other.revisions
        if added:
            return (
                len(added) == 1 and not removed and min(added) > max(self.revisions, default="") and other.active in {self.active, *added}
            )
        if not removed:
            return other.active == self.active or other.active in self.revisions
        return other == State() or (len(removed) == 1 and other.active == self.active and not removed & {self.active})


class Writer:
    """A forked writer, seen from the test."""

    def __init__(self, server: subprocess.Popen[str], root: Path, mode: str, number: int) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._lines: IO[str] = server.stdout
        self.said: list[list[str]] = []
        server.stdin.write(f"{root} {mode} {number}\n")
        server.stdin.flush()
        self.pid = int(self._lines.readline().removeprefix("pid "))

    def listen(self, count: int) -> None:
        """Wait until it has reported so many lines."""
        while len(self.said) < count:
            self.said.append(self._lines.readline().split())

    def bury(self) -> None:
        """Wait until it is dead."""
        self.said.extend(line.split() for line in iter(self._lines.readline, "dead\n"))


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process with threads should not fork
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process leaves the page cache behind, so that syncing would only cost time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_random_kills_never_cost_the_last_good_revision(root: Path, server: subprocess.Popen[str]) -> None:
    random = Random(7)
    interrupted, state = 0, State()
    for number in range(KILLS):
        writer = Writer(server, root, "forever", number)
        writer.listen(random.randrange(1, 7))
        time.sleep(random.uniform(0.0, 0.02))  # the moment of death; nothing waits for it
        os.kill(writer.pid, signal.SIGKILL)
        writer.bury()
        interrupted += bool(leftovers(root))
        state = check(root, state, writer.said)
    assert interrupted > 0
    assert max(state.revisions) > f"r{KILLS:04d}"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_beside_any_change_of_a_file_costs_nothing(root: Path, server: subprocess.Popen[str], moment: str) -> None:
    said: list[list[str]] = []
    for number in itertools.count(1):
        writer = Writer(server, root / str(number), moment, number)
        writer.bury()
        said = writer.said
        check(root / str(number), State(), said)
        if ["end"] in said:
            break
    assert number > 60  # so many changes, each the last of a life
    assert [line[0] for line in said] == ["opened", "add", "add", "derive", "add", "activate", "delete", "delete", "forget", "end"]


def leftovers(root: Path) -> list[Path]:
    return list((root / "categories/.incoming").iterdir())


def check(root: Path, before: State, said: list[list[str]]) -> State:
    """Open the store as the next server would, and compare it with what the killed one had reported as done."""
    expected = before
    for line in said:
        expected = expected.after(line) if len(line) > 1 else expected
    with Store(root) as store:
        assert leftovers(root) == []
        found = observe(store)
    assert expected.may_become(found), (expected, found)
    return found


def observe(store: Store) -> State:
    """Look at the whole store; everything in it must be sound."""
    records = store.categories()
    if not records:
        return State()
    (record,) = records
    summaries = store.revisions(CATEGORY)
    assert [summary.damage for summary in summaries] == [""] * record.revision_count
    for summary in summaries:
        assert store.read(CATEGORY, summary.revision).manifest == summary.manifest
    assert store.read(CATEGORY).manifest.revision == record.active_revision  # the first one was added as active
    return State(frozenset(summary.revision for summary in summaries), record.active_revision)


def write(root: Path, mode: str, number: int) -> None:
    """Change a store, saying what is done, until killed: from outside, or before or after the given change of a file."""
    if mode != "forever":
        die_beside_change(root, number, mode)
    with Store(root) as store:
        print("opened", flush=True)
        for step in itertools.count() if mode == "forever" else [0]:
            change(store, number * 1000 + step, forget=mode != "forever")
    print("end", flush=True)


def change(store: Store, seed: int, *, forget: bool) -> None:
    first = store.add(draft(seed), activate=True).revision
    print("add", first, "active", flush=True)
    second = store.add(draft(seed + 1), activate=False).revision
    print("add", second, "staged", flush=True)
    derived = store.derive(CATEGORY, second, dataclasses.replace(CALIBRATION, threshold=0.7), activate=True).revision
    print("derive", derived, "active", flush=True)
    print("add", store.add(draft(seed + 2), activate=True).revision, "active", flush=True)
    store.activate(CATEGORY, first)
    print("activate", first, "active", flush=True)
    for old in {summary.revision for summary in store.revisions(CATEGORY)} - {first, derived}:
        store.delete_revision(CATEGORY, old)
        print("delete", old, flush=True)
    if forget:
        store.delete_category(CATEGORY)
        print("forget", CATEGORY, flush=True)


def die_beside_change(root: Path, number: int, moment: str) -> None:
    """Kill this process by SIGKILL beside the `number`-th change of a file or folder of the categories below `root`.

    Before: when Python announces it. After: at the next line of Python that runs, so that a file was opened, but nothing written to it yet.
    """
    inside, seen = str(root / "categories") + os.sep, itertools.count(1)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event not in CHANGES or not str(arguments[0]).startswith(inside):
            return
        if event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR):
            return
        if next(seen) == number:
            die() if moment == "before" else die_at_next_line(sys._getframe(1))

    sys.addaudithook(watch)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_next_line(frame: FrameType | None) -> None:
    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            die()
        return trace

    sys.settrace(trace)
    while frame is not None:
        frame.f_trace = trace
        frame = frame.f_back


def draft(seed: int) -> RevisionDraft:
    values = np.random.default_rng(seed)
    bank = BankContent(values.standard_normal((50, 8)).astype(np.float32), np.zeros((50, 4), np.int32), 0.0)
    image = GoldenImage(GoldenPart(0, "a.png", f"{seed:064x}", 64, 48, 50, 0), values.bytes(3000), ".png")
    return RevisionDraft(CATEGORY, Recipe(), "ab" * 32, (image,), bank, None, CALIBRATION)


def serve() -> None:
    for line in sys.stdin:
        root, mode, number = line.split()
        pid = os.fork()
        if pid == 0:
            print(f"pid {os.getpid()}", flush=True)
            write(Path(root), mode, int(number))
            os._exit(0)
        os.waitpid(pid, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    serve()
