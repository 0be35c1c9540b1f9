"""What the channel may do to the client: it must not keep a program from ending."""

import threading
import time

from goldenpart.client.channel import Connection
from goldenpart.client.wire import CLOSE_S, Wire


class StuckChannel:
    """Waits for a call that never ends, as gRPC does if an interrupt struck while it was being made."""

    def __init__(self) -> None:
        self.closing = threading.Event()

    def close(self) -> None:
        self.closing.set()
        threading.Event().wait()


def test_a_channel_that_does_not_close_is_left_behind() -> None:
    wire = Wire(Connection("127.0.0.1:1"))
    wire.channel.close()
    stuck = StuckChannel()
    wire.channel = stuck  # type: ignore[assignment]
    started_s = time.monotonic()
    wire.close()
    assert stuck.closing.is_set()
    assert CLOSE_S <= time.monotonic() - started_s < CLOSE_S + 10
    (left,) = [thread for thread in threading.enumerate() if thread.name == "close-channel"]
    assert left.daemon, "the process may end without it"
