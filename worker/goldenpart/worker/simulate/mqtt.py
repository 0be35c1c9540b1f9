"""A gateway that listens by MQTT 3.1.1, as many PLCs do: RabbitMQ's plugin puts events on topics.

An event with the routing key line1.station1.cam1.FAIL is on the topic line1/station1/cam1/FAIL. Needs paho-mqtt (extra `mqtt`).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from goldenpart.worker.simulate.ledger import Verdict

# At least once; the plugin serves QoS 2 as 1 anyway.
QOS = 1
KEEPALIVE_S = 30
SUBSCRIBE_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Names an MQTT broker and the account to use.

    Attributes:
        host: Its name.
        port: Usually 1883.
        user: Account; RabbitMQ takes "vhost:user" as well.
        password: Its password.
    """

    host: str
    port: int
    user: str
    password: str

    @classmethod
    def beside(cls, amqp_url: str, host_and_port: str) -> Self:
        """Names the MQTT listener of a broker whose account an AMQP URL holds.

        Raises:
            ValueError: It is not HOST:PORT.
        """
        host, _, port = host_and_port.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"{host_and_port!r} is not HOST:PORT, such as 127.0.0.1:1883")
        parts = urlsplit(amqp_url)
        return cls(host, int(port), unquote(parts.username or "guest"), unquote(parts.password or "guest"))


def topic_of(pattern: str) -> str:
    """Turns an AMQP topic pattern into the MQTT filter that means the same: line1.*.*.FAIL is line1/+/+/FAIL."""
    return pattern.replace(".", "/").replace("*", "+")


@contextlib.asynccontextmanager
async def listening(
    address: MqttAddress, client_id: str, pattern: str, on_verdict: Callable[[Verdict, datetime], None]
) -> AsyncIterator["MqttGateway"]:
    """Listens while it is entered; `on_verdict` is called in the loop.

    Args:
        address: The broker.
        client_id: Under which the broker keeps what comes while nobody listens.
        pattern: Which events, as an AMQP topic pattern.
        on_verdict: Called for each event.

    Raises:
        OSError: The broker is not there.
        TimeoutError: It did not confirm the subscription within SUBSCRIBE_TIMEOUT_S: wrong account?
    """
    loop, subscribed = asyncio.get_running_loop(), asyncio.Event()

    def book(verdict: Verdict, at: datetime) -> None:
        loop.call_soon_threadsafe(on_verdict, verdict, at)

    def begin() -> None:
        loop.call_soon_threadsafe(subscribed.set)

    gateway = MqttGateway(address, client_id, topic_of(pattern), book)
    await asyncio.to_thread(gateway.start, begin)
    try:
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                await subscribed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"no MQTT subscription at {address.host}:{address.port} as {address.user!r}: wrong account?") from error
        yield gateway
    finally:
        await asyncio.to_thread(gateway.stop)


class MqttGateway:
    """Books events that come by MQTT. paho runs a thread of its own, in which `on_verdict` is called.

    Attributes:
        client_id: With it the broker keeps what comes while the gateway is away (clean session off).
    """

    def __init__(self, address: MqttAddress, client_id: str, topic: str, on_verdict: Callable[[Verdict, datetime], None]) -> None:
        self.client_id = client_id
        self._address = address
        self._topic = topic
        self._on_verdict = on_verdict
        self._on_subscribed: Callable[[], None] = lambda: None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(address.user, address.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 5)

    def start(self, on_subscribed: Callable[[], None]) -> None:
        """Connects and calls `on_subscribed` (in paho's thread) each time the subscription stands.

        Raises:
            OSError: The broker is not there.
        """
        self._on_subscribed = on_subscribed
        self._client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnects and ends paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: Properties | None) -> None:
        if not reason.is_failure:
            client.subscribe(self._topic, QOS)

    def _on_subscribe(self, *_: object) -> None:
        self._on_subscribed()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        verdict = Verdict.from_event(json.loads(message.payload))
        if verdict is not None:
            self._on_verdict(verdict, datetime.now(UTC))
