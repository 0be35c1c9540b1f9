"""The worker's small pieces: batches, back-off, memory, references, the simulation's ledger."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpart.worker.backoff import Backoff
from goldenpart.worker.batches import Batches, BatchLimits
from goldenpart.worker.bus import Message
from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.events import DIGEST_HEADER, ROUTING_KEY_HEADER, SOURCE_HEADER
from goldenpart.worker.recent import RecentEvent, RecentEvents
from goldenpart.worker.references import FolderPictures
from goldenpart.worker.settings import WorkerSettings
from goldenpart.worker.simulate.ledger import Ledger, SentFrame, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    weight_bytes: int = 10
    give_up_at: float = math.inf


def batches(**limits: float) -> Batches[Item]:
    return Batches(BatchLimits(**{"frames": 3, "bytes": 100, "max_age_s": 1.0, "service_s": 0.5, **limits}))  # type: ignore[arg-type]


def test_batch_leaves_when_it_is_full() -> None:
    waiting = batches()
    items = [Item() for _ in range(4)]
    for item in items[:2]:
        waiting.add(item, 0.0)
    assert waiting.take(0.0) == []
    for item in items[2:]:
        waiting.add(item, 0.0)
    assert waiting.take(0.0) == items[:3]
    assert (waiting.take(0.0), len(waiting), waiting.due_at()) == ([], 1, 1.0)


def test_batch_leaves_when_its_oldest_frame_has_waited_long_enough() -> None:
    waiting = batches()
    first, second = Item(), Item()
    waiting.add(first, 0.0)
    waiting.add(second, 0.9)
    assert waiting.due_at() == 1.0
    assert waiting.take(0.999) == []
    assert waiting.take(1.0) == [first, second]
    assert waiting.due_at() is None


def test_batch_leaves_when_the_most_urgent_frame_must() -> None:
    waiting = batches()
    patient, urgent = Item(), Item(give_up_at=1.2)
    waiting.add(patient, 0.0)
    waiting.add(urgent, 0.1)
    assert waiting.due_at() == pytest.approx(0.7)
    assert waiting.take(0.71) == [patient, urgent]


def test_batch_leaves_when_it_is_heavy_and_a_heavier_frame_goes_alone() -> None:
    waiting = batches()
    items = [Item(60), Item(60), Item(500), Item(1)]
    for item in items:
        waiting.add(item, 0.0)
    assert [waiting.take(0.0), waiting.take(0.0), waiting.take(0.0)] == [[items[0]], [items[1]], [items[2]]]
    assert waiting.take(1.0) == [items[3]]


def test_frames_put_back_go_first_in_their_order() -> None:
    waiting = batches()
    items = [Item() for _ in range(4)]
    for item in items:
        waiting.add(item, 5.0)
    taken = waiting.take(5.0)
    waiting.put_back(taken[:2], 6.0)
    assert waiting.take(6.0) == [items[0], items[1], items[3]]


def test_removed_frame_is_gone() -> None:
    waiting = batches()
    items = [Item(), Item()]
    for item in items:
        waiting.add(item, 0.0)
    waiting.remove(items[0])
    waiting.remove(Item())
    assert waiting.take(1.0) == [items[1]]


def test_backoff_grows_to_its_limit_and_starts_over() -> None:
    backoff = Backoff(first_s=0.1, limit_s=1.0, random=lambda: 1.0)
    assert [backoff.failed() for _ in range(6)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    backoff.succeeded()
    assert backoff.failed() == pytest.approx(0.1)


def test_backoff_scatters_but_never_spins() -> None:
    lowest, middle = (Backoff(first_s=1.0, random=source) for source in (lambda: 0.0, lambda: 0.5))
    assert [lowest.failed(), middle.failed()] == pytest.approx([0.1, 0.55])


def recent_event(body: bytes = b"x") -> RecentEvent:
    return RecentEvent("digest", "l.s.c.PASS", Message(body))


def test_memory_is_bounded_in_number_and_size() -> None:
    few = RecentEvents(max_events=2, max_bytes=1000)
    for n in range(3):
        few.remember(("s", str(n)), recent_event())
    assert [few.get(("s", str(n))) is None for n in range(3)] == [True, False, False]
    small = RecentEvents(max_events=100, max_bytes=10)
    for n in range(3):
        small.remember(("s", str(n)), recent_event(b"12345"))
    assert [small.get(("s", str(n))) is None for n in range(3)] == [True, False, False]


def test_first_event_of_a_frame_stays() -> None:
    memory = RecentEvents(10, 1000)
    first = recent_event(b"first")
    memory.remember(("s", "1"), first)
    memory.remember(("s", "1"), recent_event(b"second"))
    assert memory.get(("s", "1")) is first


def test_recalled_event_is_remembered_and_strange_messages_are_not() -> None:
    memory = RecentEvents(10, 1000)
    headers = {SOURCE_HEADER: "/goldenpart/l/s/c", DIGEST_HEADER: "d", ROUTING_KEY_HEADER: "l.s.c.PASS"}
    message = Message(b"event", headers, message_id="f1")
    memory.recall(message)
    memory.recall(Message(b"no headers", message_id="f2"))
    memory.recall(Message(b"no id", headers))
    assert len(memory) == 1
    assert memory.get(("/goldenpart/l/s/c", "f1")) == RecentEvent("d", "l.s.c.PASS", message)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    root.mkdir()
    (root / "a b.png").write_bytes(b"png")
    (root / "empty.png").write_bytes(b"")
    (root / "big.png").write_bytes(bytes(101))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "pipe.png")
    return root


def test_file_below_a_root_is_read(images: Path) -> None:
    assert FolderPictures([images]).read((images / "a b.png").as_uri(), 100) == b"png"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (lambda root: (root.parent / "secret.png").as_uri(), "not below an allowed folder"),
        (lambda root: f"file://{root}/../secret.png", "not below an allowed folder"),
        (lambda root: f"file://{root}/%2e%2e/secret.png", "not below an allowed folder"),
        (lambda root: f"file://{root}/link.png", "not below an allowed folder"),
        (lambda root: f"file://{root}/none.png", "nothing that can be read"),
        (lambda root: f"file://{root}/nul%00.png", "nothing that can be read"),
        (lambda root: f"file://{root}/empty.png", "has 0 bytes"),
        (lambda root: f"file://{root}/big.png", "has 101 bytes; 1 to 100 are allowed"),
        (lambda root: f"file://{root}/pipe.png", "not a regular file"),
        (lambda root: f"file://{root}", "not a regular file"),
        (lambda root: f"file://elsewhere{root}/a%20b.png", "must be file:///absolute/path"),
        (lambda root: "file:a.png", "must be file:///absolute/path"),
    ],
)
def test_references_that_are_refused(images: Path, uri: Callable[[Path], str], why: str) -> None:
    with pytest.raises(UnreadableFrameError, match=why) as caught:
        FolderPictures([images]).read(uri(images), 100)
    assert caught.value.reason is ParkReason.REFERENCE_REFUSED


def test_prefetch_covers_two_batches_beside_those_in_flight() -> None:
    assert WorkerSettings(prefetch=1, batch_frames=8, calls_in_flight=3).effective_prefetch == 40
    assert WorkerSettings(prefetch=500).effective_prefetch == 500


def test_secrets_stay_out_of_the_representation() -> None:
    settings = WorkerSettings.model_validate({"amqp_urls": "amqp://u:hunter2@a, amqp://u:hunter2@b", "server_token": "hunter2"})
    assert len(settings.amqp_urls) == 2
    assert "hunter2" not in repr(settings)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sent(number: int, camera: str = "c1", budget_s: float = 1.0) -> SentFrame:
    return SentFrame(camera, f"f{number}", number, NOW, budget_s)


def verdict(number: int, camera: str = "c1", word: str = "PASS") -> Verdict:
    return Verdict((camera, f"f{number}"), word, "", 1)


def test_ledger_of_a_line_that_keeps_its_promise() -> None:
    ledger = Ledger()
    for camera in ("c1", "c2"):
        for number in range(3):
            ledger.sent(sent(number, camera))
            ledger.received(verdict(number, camera), NOW + timedelta(seconds=0.5))
    balance = ledger.balance()
    assert (balance.sent, balance.answered, balance.missing, balance.late, balance.kept) == (6, 6, 0, 0, True)
    assert balance.latency_s == (0.5, 0.5)
    assert balance.lateness[0] == (0.0, 6)


@pytest.mark.parametrize(
    ("received", "field"),
    [
        ([(0, "PASS"), (1, "PASS")], "missing"),
        ([(0, "PASS"), (2, "PASS"), (1, "PASS")], "out_of_order"),
        ([(0, "PASS"), (1, "PASS"), (2, "PASS"), (1, "FAIL")], "conflicts"),
        ([(0, "PASS"), (1, "PASS"), (2, "PASS"), (7, "FAIL")], "unexpected"),
    ],
)
def test_ledger_finds_what_is_wrong(received: list[tuple[int, str]], field: str) -> None:
    ledger = Ledger()
    for number in range(3):
        ledger.sent(sent(number))
    for number, word in received:
        ledger.received(verdict(number, word=word), NOW)
    balance = ledger.balance()
    wrong = {name: getattr(balance, name) for name in ("missing", "out_of_order", "conflicts", "unexpected")}
    assert wrong == {**dict.fromkeys(wrong, 0), field: 1}
    assert not balance.kept


def test_ledger_counts_repeats_and_lateness() -> None:
    ledger = Ledger()
    ledger.sent(sent(0))
    ledger.received(verdict(0), NOW + timedelta(seconds=1.05))
    ledger.received(verdict(0), NOW + timedelta(seconds=2))
    balance = ledger.balance()
    assert (balance.repeats, balance.late, balance.kept) == (1, 1, True)
    assert dict(balance.lateness)[0.1] == 1
