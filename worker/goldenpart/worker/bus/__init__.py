"""The line bus: what the worker needs from a message broker, and the brokers that give it."""

from goldenpart.worker.bus.errors import (
    BrokerUnreachableError,
    BusError,
    PublishRefusedError,
    SessionLostError,
    TopologyConflictError,
    UnroutableError,
)
from goldenpart.worker.bus.message import Delivery, Message, QueueState
from goldenpart.worker.bus.port import LineBus, LineSession
from goldenpart.worker.bus.shape import Binding, Exchange, Queue, Topology

__all__ = [
    "Binding",
    "BrokerUnreachableError",
    "BusError",
    "Delivery",
    "Exchange",
    "LineBus",
    "LineSession",
    "Message",
    "PublishRefusedError",
    "Queue",
    "QueueState",
    "SessionLostError",
    "Topology",
    "TopologyConflictError",
    "UnroutableError",
]
