"""Where figures were measured."""

import os
import platform
from pathlib import Path

from goldenpart.client.evaluation.results import Machine
from goldenpart.client.server_info import ServerInfo

_CPU_INFO = Path("/proc/cpuinfo")


def this_machine(server: ServerInfo) -> Machine:
    """Describe this machine and the server that it talks to."""
    return Machine(
        cpu=cpu_model(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        server_device=server.device,
        server_version=server.version,
        library_versions=tuple(sorted(server.library_versions.items())),
    )


def cpu_model() -> str:
    """Return the model of the processor, as Linux names it or as Python knows it."""
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
