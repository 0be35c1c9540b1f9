"""``goldenpart info``."""

from dataclasses import fields

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.output import answer, facts, time_text
from goldenpart.client.server_info import Backbone

EXAMPLES = "Example: goldenpart info --server camera-pc:50051 --json"


def info(*, json: JsonOption = False, server: ServerOption = DEFAULT_ADDRESS, tls_ca: TlsOption = None) -> None:
    """Show the server's version, device, backbones and limits."""
    with connect(server, tls_ca) as client:
        found = client.server_info()
    rows: list[tuple[str, object]] = [
        ("server", f"{server}, Goldenpart {found.version}"),
        ("device", found.device),
        ("started", time_text(found.start_time)),
    ]
    rows += [("backbone", _backbone_text(backbone)) for backbone in found.backbones]
    rows += [(field.name.replace("_", " "), f"{getattr(found.limits, field.name):,}") for field in fields(found.limits)]
    rows += [(name, version) for name, version in sorted(found.library_versions.items())]
    answer(found, facts(rows), json=json)


def _backbone_text(backbone: Backbone) -> str:
    notes = [note for note, holds in (("default", backbone.is_default), ("loaded", backbone.loaded)) if holds]
    return f"{backbone.name} {backbone.digest[:12]} {', '.join(notes)}".strip()
