"""A simulated camera: sends pictures at a rate and does not lose one when the broker restarts."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from goldenpart.worker.bus import BusError, LineBus, LineSession, Message
from goldenpart.worker.labels import Address
from goldenpart.worker.simulate.ledger import SentFrame
from goldenpart.worker.simulate.link import Link
from goldenpart.worker.simulate.pictures import Picture
from goldenpart.worker.topology import FRAMES_EXCHANGE

RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """Holds what a camera does.

    Attributes:
        address: Its name on the line.
        category: What it looks at.
        frames: How many frames it sends.
        rate: Frames per second; inf for as fast as the broker confirms.
        poisson: Whether the pauses scatter as those of independent arrivals do.
        budget_s: Within what time it wants the verdict.
        want: verdict, regions or heatmap.
        run: Distinguishes the frame ids of this run from others.
    """

    address: Address
    category: str
    frames: int
    rate: float
    poisson: bool
    budget_s: float
    want: str
    run: str


class SimulatedCamera:
    """Publishes frames with confirms; what was not confirmed when the session broke is sent again, in order, before anything else.

    Belongs to one loop.
    """

    def __init__(self, bus: LineBus, plan: CameraPlan, pictures: Sequence[Picture], on_sent: Callable[[SentFrame], None]) -> None:
        self._plan = plan
        self._pictures = pictures
        self._on_sent = on_sent
        self._link = Link(bus, self._on_session)
        self._session: LineSession | None = None
        self._unconfirmed: dict[int, Message] = {}
        self._room = asyncio.Condition()
        self._confirms: set[asyncio.Task[None]] = set()
        self.resent = 0

    async def run(self) -> None:
        """Sends all frames and waits until the broker has them."""
        async with self._link.opened():
            start = asyncio.get_running_loop().time()
            for number, offset_s in zip(range(self._plan.frames), self._offsets_s(), strict=False):
                await asyncio.sleep(max(0.0, start + offset_s - asyncio.get_running_loop().time()))
                await self._make_room(256)
                self._send(number, self._capture(number))
            await self._make_room(1)

    def _offsets_s(self) -> Iterator[float]:
        """Tells when each frame is taken, seconds from the start."""
        rng = random.Random(f"{self._plan.run}{self._plan.address}")  # noqa: S311 (arrivals, no secret)
        at = 0.0
        while True:
            yield at
            at += rng.expovariate(self._plan.rate) if self._plan.poisson else 1 / self._plan.rate  # 1 / inf is 0

    def _capture(self, number: int) -> Message:
        plan, picture = self._plan, self._pictures[number % len(self._pictures)]
        captured_at = datetime.now(UTC)
        frame_id = f"{plan.run}-{number:06d}"
        self._on_sent(SentFrame(plan.address.source, frame_id, number, captured_at, plan.budget_s))
        headers = {
            "frame_id": frame_id,
            "category": plan.category,
            "part_id": f"{plan.run}-{plan.address.camera}-{number}",
            "captured_at": captured_at.isoformat(),
            "budget_ms": round(plan.budget_s * 1000),
            "want": plan.want,
            "simulated": True,
        }
        return Message(picture.encoded, headers, picture.content_type, message_id=f"{plan.address.routing_key}-{frame_id}")

    async def _make_room(self, most: int) -> None:
        async with self._room:
            await self._room.wait_for(lambda: len(self._unconfirmed) < most)

    def _send(self, number: int, message: Message) -> None:
        self._unconfirmed[number] = message
        if self._session is not None:
            self._publish(self._session, number, message)

    def _publish(self, session: LineSession, number: int, message: Message) -> None:
        confirm = asyncio.create_task(self._confirm(session, number, message))
        self._confirms.add(confirm)
        confirm.add_done_callback(self._confirms.discard)

    async def _confirm(self, session: LineSession, number: int, message: Message) -> None:
        while True:
            try:
                await session.publish(FRAMES_EXCHANGE, self._plan.address.routing_key, message, mandatory=True)
            except BusError:
                if session.lost.done():
                    return  # sent again in the next session
                await asyncio.sleep(RETRY_S)  # refused, or no queue yet
            else:
                break
        async with self._room:
            self._unconfirmed.pop(number, None)
            self._room.notify_all()

    async def _on_session(self, session: LineSession) -> None:
        self._session = session
        self.resent += len(self._unconfirmed)
        for number in sorted(self._unconfirmed):
            self._publish(session, number, self._unconfirmed[number])
