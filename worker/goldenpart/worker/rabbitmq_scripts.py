"""Finds RabbitMQ on this machine, or installs the distribution's package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

URL_VARIABLE = "GOLDENPART_AMQP_URL"
SERVER_SCRIPTS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/sbin", "/usr/sbin")


class BrokerSetupError(Exception):
    """RabbitMQ cannot be found, installed or started."""


def find_scripts() -> Path | None:
    """Finds the folder with rabbitmq-server and rabbitmqctl. Debian's wrappers in /usr/sbin change the user, so they come last."""
    on_path = shutil.which("rabbitmq-server")
    folders = [*SERVER_SCRIPTS, *([str(Path(on_path).parent)] if on_path else [])]
    return next((Path(folder) for folder in folders if (Path(folder) / "rabbitmq-server").exists()), None)


def find_or_install() -> Path:
    """Finds RabbitMQ's scripts, and installs the distribution's package if there are none.

    Raises:
        BrokerSetupError: It is not there and cannot be installed here.
    """
    scripts = find_scripts()
    if scripts is not None:
        return scripts
    way_out = f"Install rabbitmq-server (3.10 or newer), or name a running broker in {URL_VARIABLE}."
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BrokerSetupError(f"RabbitMQ is not installed, and installing it needs apt-get and root. {way_out}")
    sys.stderr.write("RabbitMQ is not installed; installing it with apt-get (once)\n")
    # RUNLEVEL=1 keeps the package from starting a broker of its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "rabbitmq-server"]
    for attempt in (["apt-get", "update"], command):
        done = subprocess.run(attempt, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
        if done.returncode != 0 and attempt is command:
            raise BrokerSetupError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]} {way_out}")
    scripts = find_scripts()
    if scripts is None:
        raise BrokerSetupError(f"rabbitmq-server was installed but is in none of {SERVER_SCRIPTS}. {way_out}")
    return scripts
