"""Categories that exist for one run only."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from goldenpart.client.client import Client
from goldenpart.client.errors import GoldenpartError, NotFound

PREFIX = "evaluate-"
_LATE_S = 2.0
_PAUSE_S = 0.25


@contextmanager
def throwaway_category(client: Client) -> Iterator[str]:
    """Give the name of a category that nobody has, and delete it at the end, also after an error or an interrupt.

    A Fit that was broken off in its last step may still reach the disk after the call has ended, so then the deletion looks again for
    two seconds.
    """
    name = f"{PREFIX}{secrets.token_hex(6)}"
    try:
        yield name
    except BaseException:
        with suppress(GoldenpartError):  # the error that brought us here is the one to tell
            _delete_late(client, name)
        raise
    else:
        client.delete_category(name)


def _delete_late(client: Client, name: str) -> None:
    end_s = time.monotonic() + _LATE_S
    while time.monotonic() < end_s:
        with suppress(NotFound):
            client.delete_category(name)  # once is not enough: the Fit that was broken off may make the category again
        time.sleep(_PAUSE_S)
