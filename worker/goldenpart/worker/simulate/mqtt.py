"""A gateway that listens by MQTT 3.1.1, as many PLCs do: RabbitMQ's plugin puts events on topics.

An event with the routing key line1.station1.cam1.FAIL is on the topic line1/station1/cam1/FAIL. Needs paho-mqtt (extra `mqtt`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from goldenpart.worker.simulate.ledger import Verdict

# At least once; the plugin serves QoS 2 as 1 anyway.
QOS = 1
KEEPALIVE_S = 30


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
        self._on_verdict(Verdict.from_event(json.loads(message.payload)), datetime.now(UTC))
