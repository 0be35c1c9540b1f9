"""`kill -9` of a real server at random moments of Fit, Calibrate and Activate: the last good revision serves, nothing half is seen.

The file is two programs: pytest's test, and, run as a script, a process that imports the server once and then forks one per line it reads,
because importing torch takes seconds and dying takes none. What is forked runs `goldenpart-server`'s own main and nothing else.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import IO

KILLS = 20
CATEGORY, SEED, OTHER_SEED = "gasket", 21, 22
REACH = 1.5
"""A kill comes within this many times the usual duration of what it interrupts: some come after the end."""


def _breed() -> None:
    """Fork a server per line of JSON (its environment); print its process id, and an empty line once it is dead."""
    from goldenpart.server import __main__ as server  # noqa: PLC0415 - imported by the process that forks, and only there

    for line in sys.stdin:
        settings = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.environ.update(settings)
            log = os.open(settings["LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.argv = ["goldenpart-server"]
            server.main()
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print(flush=True)


if __name__ == "__main__":
    _breed()
    sys.exit()

import pytest  # noqa: E402 - the servers need none of it
from tiny_category import RECIPE, draw_part, golden_parts  # noqa: E402

from goldenpart.client import Client, Frame, GoldenpartError, NamedImage, RevisionState, ThresholdRequest, Verdict  # noqa: E402

FRAME = draw_part(SEED, 100)


@dataclass
class Kennel:
    """Starts servers on one store, one at a time, and kills them."""

    folder: Path
    breeder: subprocess.Popen[str]
    pid: int = 0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def start(self) -> Client:
        """Start a server; returns a client once it serves."""
        address = f"unix:{self.folder}/{next(self.numbers)}.sock"
        settings = {
            "GOLDENPART_LISTEN": address,
            "GOLDENPART_METRICS_LISTEN": "",
            "GOLDENPART_ARTIFACTS": str(self.artifacts),
            "GOLDENPART_THREADS": "1",
            "LOG": str(self.folder / "server.log"),
        }
        print(json.dumps(settings), file=self._stdin, flush=True)
        self.pid = int(self._stdout.readline())
        client = Client(address)
        client.wait_until_ready(60)
        return client

    def kill(self) -> None:
        """Kill -9, and wait until it is dead."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._stdout.readline() == "\n"
        self.pid = 0

    @property
    def _stdin(self) -> IO[str]:
        assert self.breeder.stdin is not None
        return self.breeder.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self.breeder.stdout is not None
        return self.breeder.stdout


@pytest.fixture
def kennel(tmp_path: Path) -> Iterator[Kennel]:
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as breeder:
        found = Kennel(tmp_path, breeder)
        try:
            yield found
        finally:
            if breeder.poll() is None and found.pid:
                os.kill(found.pid, signal.SIGKILL)
            breeder.kill()


def fit(client: Client, number: int) -> str:
    """Fit other golden parts each time, so that revisions score differently."""
    parts = [NamedImage(str(place), draw_part(SEED, 1000 + 4 * number + place)) for place in range(4)]
    return client.fit(CATEGORY, parts, recipe=RECIPE).revision.revision


def calibrate(client: Client, number: int) -> str:
    normal = [NamedImage(str(place), draw_part(SEED, 200 + 20 * number + place)) for place in range(12)]
    return client.calibrate(CATEGORY, normal, threshold=ThresholdRequest(false_reject_rate=0.1)).revision.revision


def activate(client: Client, number: int) -> str:
    """Switch between the two newest revisions."""
    newest = [revision.revision for revision in client.list_revisions(CATEGORY)][:2]
    active = client.get_category(CATEGORY).active_revision
    client.activate(CATEGORY, newest[0] if active != newest[0] else newest[1])
    return client.get_category(CATEGORY).active_revision


WORK: tuple[Callable[[Client, int], str], ...] = (fit, calibrate, activate)


def score_of(client: Client, revision: str = "") -> float:
    (result,) = client.inspect([Frame("fixed", CATEGORY, FRAME, revision=revision)])
    assert result.verdict is not Verdict.NOT_INSPECTED, result.message
    return result.score


def check_store(kennel: Kennel, known: set[str]) -> None:
    """Nothing lies about but what belongs there."""
    root = kennel.artifacts
    assert {path.name for path in root.iterdir()} == {"store.lock", "categories"}
    assert {path.name for path in (root / "categories").iterdir()} == {".incoming", ".numbers", CATEGORY, "bystander"}
    assert not list((root / "categories" / ".incoming").iterdir())
    assert {path.name for path in (root / "categories" / CATEGORY).iterdir()} == {"active", "revisions"}
    assert {path.name for path in (root / "categories" / CATEGORY / "revisions").iterdir()} == known


def interrupt(kennel: Kennel, client: Client, work: Callable[[], str], after_s: float) -> str | None:
    """Start the work, kill the server some time later; return what the work answered, None if it broke off."""
    answers: list[str] = []

    def run() -> None:
        with suppress(GoldenpartError, ValueError):  # ValueError: gRPC's word for a channel that is closed already
            answers.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(after_s)  # no synchronisation: the moment is the random input of the test
    kennel.kill()
    client.close()
    thread.join()
    return answers[0] if answers else None


def usual_durations(kennel: Kennel) -> list[float]:
    """Measure each kind of work on a server that has just started, as those to be killed have."""
    durations = []
    for place, work in enumerate(WORK):
        with kennel.start() as client:
            started = time.monotonic()
            work(client, place)
            durations.append(time.monotonic() - started)
            kennel.kill()
    return durations


def test_a_killed_server_comes_back_with_the_last_good_revision(kennel: Kennel) -> None:
    random = Random(1)
    with kennel.start() as client:
        client.fit("bystander", golden_parts(OTHER_SEED, shots=3), recipe=RECIPE)
        fit(client, 4)
        kennel.kill()
    durations = usual_durations(kennel)
    client = kennel.start()
    scores = {revision.revision: score_of(client, revision.revision) for revision in client.list_revisions(CATEGORY)}
    broken_off, moved = 0, 0
    for number in range(KILLS):
        before = client.get_category(CATEGORY).active_revision
        work, usual_s = WORK[number % len(WORK)], durations[number % len(WORK)]
        answer = interrupt(kennel, client, partial(work, client, number), random.uniform(0, REACH * usual_s))
        broken_off += answer is None

        client = kennel.start()
        listed = list(client.list_revisions(CATEGORY))
        assert [revision.damage for revision in listed] == [""] * len(listed)
        new = {revision.revision for revision in listed} - scores.keys()
        assert scores.keys() <= {revision.revision for revision in listed}
        assert len(new) <= (work is not activate)
        active = client.get_category(CATEGORY).active_revision
        assert active in ({before, *new} if work is not activate else {revision.revision for revision in listed[:2]} | {before})
        if answer is not None:
            assert active == answer, "what was answered must last"
        moved += active != before
        scores |= {revision: score_of(client, revision) for revision in new}
        for revision in new:
            assert client.get_revision(CATEGORY, revision).state is not RevisionState.DAMAGED
        assert score_of(client) == pytest.approx(scores[active], rel=1e-5)
        (bystander,) = client.inspect([Frame("1", "bystander", draw_part(OTHER_SEED, 100))])
        assert bystander.verdict is Verdict.PASS
        check_store(kennel, set(scores))
    assert broken_off >= KILLS // 3, "most kills came too late to interrupt anything"
    assert moved >= 1, "all kills came too early for anything to be finished"
    assert len(set(scores.values())) > 2, "revisions must be told apart by the score of the frame"
    kennel.kill()
    client.close()
