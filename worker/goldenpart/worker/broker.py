"""A RabbitMQ of one's own for `make demo` and `make test`: nothing of it is left when it is stopped.

`python -m goldenpart.worker.broker -- COMMAND ...` runs a command with GOLDENPART_AMQP_URL set: to the broker that the variable
already names, else to a private one on free ports of 127.0.0.1 with its own node name, data, log, cookie and port mapper (epmd).
If RabbitMQ is not installed, it is installed by apt-get first (Debian, Ubuntu; needs root).
"""

import argparse
import atexit
import contextlib
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from goldenpart.worker.rabbitmq_scripts import URL_VARIABLE, BrokerSetupError, find_or_install

__all__ = ["URL_VARIABLE", "BrokerPorts", "BrokerSetupError", "PrivateBroker", "free_ports", "shared_broker", "some_broker"]

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.1
OWN_PORTS = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Finds ports on 127.0.0.1 that nobody listens on.

    They lie below those that systems hand out by themselves (Linux: from 32768 on): a broker or server that is restarted must find its
    port free, though other programs open connections and listeners meanwhile.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        for port in random.SystemRandom().sample(OWN_PORTS, len(OWN_PORTS)):
            candidate = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise BrokerSetupError(f"no {count} free ports between {OWN_PORTS[0]} and {OWN_PORTS[-1]} on 127.0.0.1")


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Holds the ports of a private broker on 127.0.0.1."""

    amqp: int
    distribution: int
    epmd: int
    mqtt: int


class PrivateBroker:
    """Runs a RabbitMQ node in a temporary folder. Used from one thread; a context manager.

    Attributes:
        ports: Where it listens.
        folder: Its data, logs and configuration, removed by `close`.
    """

    def __init__(self, plugins: Sequence[str] = (), definitions: Path | None = None) -> None:
        """Prepares a broker; `start` starts it.

        Args:
            plugins: Plugins to enable, for example rabbitmq_mqtt.
            definitions: Definitions file to load at start; None leaves the default user guest alone.
        """
        self._scripts = find_or_install()
        self.ports = BrokerPorts(*free_ports(4))
        self.folder = Path(tempfile.mkdtemp(prefix="goldenpart-rabbitmq-"))
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._booted = False
        self._write_configuration(plugins, definitions)

    @property
    def url(self) -> str:
        """Address for the administrator of a broker without definitions."""
        return self.url_for("guest", "guest")

    def url_for(self, user: str, password: str) -> str:
        """Address for a user."""
        return f"amqp://{user}:{password}@127.0.0.1:{self.ports.amqp}/%2F"

    @property
    def version(self) -> str:
        """Version of RabbitMQ; the node must run."""
        return self.control("version").strip()

    def _write_configuration(self, plugins: Sequence[str], definitions: Path | None) -> None:
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.ports.amqp}",
            "loopback_users = none",
            "log.file.level = warning",
            "vm_memory_high_watermark.relative = 0.6",
            "disk_free_limit.absolute = 50MB",
        ]
        if "rabbitmq_mqtt" in plugins:
            lines += [f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.ports.mqtt}", "mqtt.exchange = goldenpart.events", "mqtt.vhost = /"]
        if definitions is not None:
            lines += ["definitions.import_backend = local_filesystem", f"definitions.local.path = {definitions.resolve()}"]
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (self.folder / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        folder = str(self.folder)
        return {
            **kept,
            "HOME": folder,  # the Erlang cookie lies in the home directory
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_NODENAME": f"goldenpart-{self.ports.amqp}@localhost",
            "RABBITMQ_NODE_PORT": str(self.ports.amqp),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/rabbitmq-env.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes Erlang instead of waiting for it, so signals reach the node itself
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",  # idle schedulers do not spin
        }

    def start(self) -> None:
        """Starts the node and waits until it takes connections.

        Raises:
            BrokerSetupError: It ended or was not ready within START_TIMEOUT_S.
        """
        environment = self._environment()
        if self._epmd is None:
            # Started here and not by Erlang, so that it can be stopped again.
            epmd = shutil.which("epmd")
            if epmd is None:
                raise BrokerSetupError("epmd is not on the PATH; it comes with Erlang (erlang-base)")
            self._epmd = subprocess.Popen([epmd], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        with (self.folder / "console.log").open("ab") as console:
            self._node = subprocess.Popen(  # noqa: S603 (a path found above)
                [str(self._scripts / "rabbitmq-server")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )
        self._booted = False
        self._watch(self._node.pid, self._epmd.pid)
        self._wait_until_ready(self._node)

    def _watch(self, node: int, epmd: int) -> None:
        # If this process is killed, nobody calls `close`: then the pipe to this shell ends and it cleans up instead.
        orders = f"read _; kill -TERM -{node}; kill -TERM {epmd}; sleep 5; kill -KILL -{node}; rm -rf {self.folder}"
        self._watcher = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", orders], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _wait_until_ready(self, node: "subprocess.Popen[bytes]") -> None:
        # RabbitMQ opens its listeners last, when everything else is up.
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if node.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports.amqp), timeout=1):
                return
            time.sleep(POLL_S)
        tail = (self.folder / "console.log").read_text(errors="replace")[-1500:]
        self.kill()
        raise BrokerSetupError(f"RabbitMQ was not ready within {START_TIMEOUT_S:.0f} s: {tail}")

    def stop(self) -> None:
        """Stops the node in an orderly way; its data stays. Idempotent."""
        if self._node is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._node.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"RabbitMQ did not stop within {STOP_TIMEOUT_S:.0f} s; killing it\n")
        self.kill()

    def kill(self) -> None:
        """Kills the node at once, as a power cut would; its data stays. Idempotent."""
        if self._watcher is not None:
            with self._watcher as watcher:
                watcher.kill()
            self._watcher = None
        if self._node is not None:
            self._signal(signal.SIGKILL)
            self._node.wait()
            self._node = None

    def _signal(self, number: signal.Signals) -> None:
        # The node's script and Erlang's helpers are one process group.
        assert self._node is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._node.pid, number)

    def restart(self) -> None:
        """Stops and starts the node."""
        self.stop()
        self.start()

    def control(self, *arguments: str) -> str:
        """Runs rabbitmqctl and returns what it prints.

        Raises:
            BrokerSetupError: It failed.
        """
        if not self._booted:
            self._booted = True
            self.control("await_startup")  # the listeners open a moment before the node takes orders
        command = [str(self._scripts / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False, cwd=self.folder)  # noqa: S603
        if done.returncode != 0:
            raise BrokerSetupError(f"rabbitmqctl {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def close(self) -> None:
        """Stops the node and removes everything of it. Idempotent."""
        self.stop()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait()
            self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@functools.cache
def shared_broker() -> PrivateBroker:
    """Gives the one private broker of this process, started on first use and stopped at exit: starting one takes seconds."""
    broker = PrivateBroker(plugins=("rabbitmq_mqtt",))
    atexit.register(broker.close)
    broker.start()
    return broker


@contextlib.contextmanager
def some_broker() -> Iterator[str]:
    """Gives the address of the broker in GOLDENPART_AMQP_URL, or of a private one that is stopped at the end."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with PrivateBroker() as broker:
        yield broker.url


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command beside a broker and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m goldenpart.worker.broker", description="Run a command beside a RabbitMQ broker.")
    parser.add_argument("command", nargs="+", help="the command; it finds the broker in GOLDENPART_AMQP_URL")
    command: list[str] = parser.parse_args(arguments).command
    with some_broker() as url:
        return subprocess.run(command, env={**os.environ, URL_VARIABLE: url}, check=False).returncode  # noqa: S603 (the user's command)


if __name__ == "__main__":
    sys.exit(main())
