"""What can go wrong between the worker and the broker.

BusError
├── BrokerUnreachableError   no connection could be opened
├── SessionLostError         an open session broke; what was not acked comes again
├── PublishRefusedError      the broker answered nack, for example because a bounded queue is full
│   └── UnroutableError      a mandatory message that no queue takes
└── TopologyConflictError    an exchange or queue exists with other properties, or may not be touched
"""


class BusError(Exception):
    """Is raised for everything that the broker or the way to it is to blame for."""


class BrokerUnreachableError(BusError):
    """No connection could be opened: nobody listens, wrong credentials, no such virtual host."""


class SessionLostError(BusError):
    """The session broke. Its deliveries cannot be acked any more; the broker delivers them again."""


class PublishRefusedError(BusError):
    """The broker did not take a message (basic.nack)."""


class UnroutableError(PublishRefusedError):
    """A mandatory message reached no queue (basic.return)."""


class TopologyConflictError(BusError):
    """An exchange or queue exists with other properties than the ones wanted, or this user may not declare it."""
