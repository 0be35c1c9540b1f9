"""The server that an evaluation talks to: one that runs, or one of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpart.client.channel import DEFAULT_ADDRESS
from goldenpart.client.client import Client
from goldenpart.client.demo.process import ServerProcess, ServerProcessError
from goldenpart.client.errors import GoldenpartError
from goldenpart.client.evaluation.errors import EvaluationError

_LOOK_S = 2.0
_START_S = 120.0
_PASSED_ON = ("GOLDENPART_ARTIFACTS", "GOLDENPART_LIMITS__FEATURES_CACHE_BYTES")


@contextmanager
def evaluation_server(
    address: str | None, tls_ca: Path | None, tell: Callable[[str], object], *, default_address: str = DEFAULT_ADDRESS
) -> Iterator[Client]:
    """Give a client of a server that is ready.

    Args:
        address: Of the server to use; None means the one at ``default_address``, or one started for the occasion if none answers there.
            Such a server keeps its revisions in a temporary folder, or where GOLDENPART_ARTIFACTS says (there it also finds weights).
        tls_ca: PEM file of the authority that signed the server's certificate.
        tell: Is told in words if a server is started.
        default_address: Where a server is looked for.

    Raises:
        EvaluationError: No server could be started.
        GoldenpartError: None answers at the address.
    """
    if address is not None or _answers(default_address, tls_ca):
        with Client(address or default_address, root_certificates=tls_ca) as client:
            client.server_info()
            yield client
        return
    tell(f"no server answers at {default_address}; starting one for this evaluation")
    settings = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        with ServerProcess(settings) as process, Client(process.address) as client:
            client.wait_until_ready(_START_S)
            yield client
    except ServerProcessError as error:
        raise EvaluationError(
            f"{error} Start one with `goldenpart-server` (goldenpart[server]) and give its address with --server"
        ) from error


def _answers(address: str, tls_ca: Path | None) -> bool:
    with Client(address, root_certificates=tls_ca) as client:
        try:
            client.wait_until_ready(_LOOK_S)
        except GoldenpartError:
            return False
    return True
