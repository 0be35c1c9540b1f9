"""A camera's and a gateway's view of a line on the real broker, for the integration tests."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jsonschema

from goldenpart.worker.__main__ import make_line
from goldenpart.worker.broker import PrivateBroker
from goldenpart.worker.bus import Binding, Delivery, Message, Queue, Topology
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.bus.rabbitmq.session import RabbitSession
from goldenpart.worker.drift import ROUTING_WORD
from goldenpart.worker.line import Line
from goldenpart.worker.settings import WorkerSettings
from goldenpart.worker.simulate.onboarding import CATEGORY
from goldenpart.worker.simulate.pictures import drawn_pictures
from goldenpart.worker.topology import EVENTS_EXCHANGE, FRAMES_EXCHANGE, PARKED_QUEUE, line_topology

WAIT_S = 60.0
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "inspection-event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PICTURE = drawn_pictures(1, seed=3, defective_share=0.0, size_px=128)[0]


class Plant:
    """A gateway's and a camera's view of a line of its own: its names are used by no other test."""

    def __init__(self, broker: PrivateBroker, server_address: str, **settings: object) -> None:
        self.broker = broker
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.queue = f"inspect.{self.name}"
        fields = {"amqp_urls": broker.url, "queue": self.queue, "frame_bindings": f"{self.name}.*.*", "server": server_address}
        self.settings = WorkerSettings.model_validate({"amqp_heartbeat_s": 2, **fields, **settings})
        self.session: RabbitSession
        self.events: list[Delivery] = []
        self.drifts: list[Delivery] = []
        self.parked: list[Delivery] = []

    async def open(self) -> None:
        self.session = await RabbitBus([self.broker.url], "test").connect()
        await self.session.declare(line_topology(self.queue, (f"{self.name}.*.*",)))
        gateway, parking = f"gateway.{self.name}", f"parking.{self.name}"
        bindings = (Binding(EVENTS_EXCHANGE, gateway, f"{self.name}.#"), Binding(EVENTS_EXCHANGE, gateway, f"#.{self.name}.#"))
        await self.session.declare(Topology((), (Queue(gateway), Queue(parking)), bindings))
        await self.session.consume(gateway, 1000, self._take_event)
        await self.session.consume(PARKED_QUEUE, 1000, self._take_parked)

    def _take_event(self, delivery: Delivery) -> None:
        """A camera that shows one and the same picture again and again has drifted; that is no verdict."""
        (self.drifts if delivery.routing_key.endswith(f".{ROUTING_WORD}") else self.events).append(delivery)

    def _take_parked(self, delivery: Delivery) -> None:
        if self.name in str(delivery.message.headers.get("goldenpart-parked-routing-key")):
            self.parked.append(delivery)
        self.session.ack(delivery)

    async def send(self, frame_id: str | None, body: bytes = PICTURE.encoded, content_type: str = "image/jpeg", **headers: object) -> None:
        fields = {"category": CATEGORY, **headers, **({} if frame_id is None else {"frame_id": frame_id})}
        await self.publish(Message(body, fields, content_type))

    async def publish(self, message: Message, camera: str = "station1.cam1") -> None:
        await self.session.publish(FRAMES_EXCHANGE, f"{self.name}.{camera}", message)

    def read(self) -> list[dict[str, object]]:
        """Reads the events so far; each must fit the schema."""
        events = [json.loads(event.message.body) for event in self.events]
        for event in events:
            VALIDATOR.validate(event)
        return events

    def outcomes(self) -> list[tuple[object, object, object]]:
        return [(e["id"], e["data"]["verdict"], e["data"]["reason"]) for e in self.read()]  # type: ignore[index]

    async def until(self, events: int = 0, parked: int = 0) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.events) < events or len(self.parked) < parked:
                await asyncio.sleep(0.01)

    async def until_answered(self, frames: int) -> None:
        """Waits until so many different frames have an event."""
        async with asyncio.timeout(WAIT_S):
            while len({event.message.message_id for event in self.events}) < frames:
                await asyncio.sleep(0.01)

    async def until_queue_is_empty(self, line: Line) -> None:
        async with asyncio.timeout(WAIT_S):
            while line.metrics.frames_held._value.get() or await self.depth():
                await asyncio.sleep(0.01)

    async def depth(self) -> int:
        """Asks for the ready messages of the queue."""
        return (await self.session.state_of(self.queue)).ready

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Line]:
        line = make_line(self.settings)
        task = asyncio.create_task(line.run())
        try:
            yield line
        finally:
            line.stop()
            async with asyncio.timeout(WAIT_S):
                await task

    async def close(self) -> None:
        channel = await self.session._open_channel()
        await channel.call("queue_delete", queue=self.queue)
        await self.session.close()

    @classmethod
    @asynccontextmanager
    async def opened(cls, broker: PrivateBroker, server_address: str, **settings: object) -> AsyncIterator["Plant"]:
        plant = cls(broker, server_address, **settings)
        await plant.open()
        try:
            yield plant
        finally:
            await plant.close()


async def start_worker(plant: Plant, **environment: str) -> asyncio.subprocess.Process:
    settings = {
        "GOLDENPART_WORKER_AMQP_URLS": plant.broker.url,
        "GOLDENPART_WORKER_QUEUE": plant.queue,
        "GOLDENPART_WORKER_FRAME_BINDINGS": f"{plant.name}.*.*",
        "GOLDENPART_WORKER_SERVER": plant.settings.server,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "goldenpart.worker",
        env={**os.environ, **settings, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
