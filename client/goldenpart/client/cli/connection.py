"""The options that every command has: which server, and for whom the answer is."""

from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.channel import DEFAULT_ADDRESS
from goldenpart.client.client import Client

ServerOption = Annotated[
    str,
    typer.Option("--server", envvar="GOLDENPART_SERVER", metavar="HOST:PORT", help="Address of the server.", rich_help_panel="Connection"),
]
TlsOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        envvar="GOLDENPART_TLS_CA",
        exists=True,
        dir_okay=False,
        help="PEM file of the authority that signed the server's certificate; without it the connection is not encrypted. "
        "A bearer token is taken from GOLDENPART_TOKEN.",
        rich_help_panel="Connection",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def connect(server: str, tls_ca: Path | None) -> Client:
    """Make a client of the options."""
    return Client(server, root_certificates=tls_ca)


__all__ = ["DEFAULT_ADDRESS", "JsonOption", "ServerOption", "TlsOption", "connect"]
