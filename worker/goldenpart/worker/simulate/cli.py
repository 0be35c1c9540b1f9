"""`goldenpart-simulate`: cameras, a gateway, and what breaks the line between them."""

import asyncio
import json
import logging
import sys
import tempfile
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from goldenpart.client.demo.process import ServerProcessError
from goldenpart.client.errors import GoldenpartError
from goldenpart.worker.broker import URL_VARIABLE, BrokerSetupError, PrivateBroker
from goldenpart.worker.bus import BusError
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.labels import Address, Want
from goldenpart.worker.simulate.bench import BenchPlan, LineBench, to_text
from goldenpart.worker.simulate.camera import CameraPlan, SimulatedCamera
from goldenpart.worker.simulate.chaos import ChaosOutcome, ChaosPlan, ChaosRun
from goldenpart.worker.simulate.chaos_report import Chapter, provenance, to_markdown
from goldenpart.worker.simulate.gateway import OnVerdict, SimulatedGateway
from goldenpart.worker.simulate.ledger import Ledger, SentFrame, Verdict
from goldenpart.worker.simulate.onboarding import CATEGORY, onboard_flange
from goldenpart.worker.simulate.pictures import Picture, drawn_pictures, folder_pictures
from goldenpart.worker.simulate.processes import RestartableServer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulated cameras and PLC gateway around a Goldenpart line.",
)
_console = Console(stderr=True)

AmqpUrl = Annotated[str, typer.Option("--amqp-url", envvar=URL_VARIABLE, help="Broker.")]
LOCAL_BROKER = "amqp://guest:guest@127.0.0.1:5672/%2F"
REFRESH_PER_S = 4
VERDICTS = ("PASS", "FAIL", "REVIEW", "NOT_INSPECTED")

OpenGateway = Callable[[OnVerdict], AbstractAsyncContextManager[object]]


@app.callback()
def _quiet_pika() -> None:
    logging.getLogger("pika").setLevel(logging.CRITICAL)


@app.command()
def camera(
    amqp_url: AmqpUrl = LOCAL_BROKER,
    cameras: Annotated[int, typer.Option(min=1, max=99)] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each camera.")] = 100,
    rate: Annotated[float, typer.Option(min=0.001, help="Frames per second of each camera.")] = 5.0,
    poisson: Annotated[bool, typer.Option(help="Pauses scatter like those of independent arrivals.")] = True,  # noqa: FBT002 (an option of the command line)
    category: Annotated[str, typer.Option(help="What the cameras look at.")] = CATEGORY,
    images: Annotated[Path | None, typer.Option(help="Folder of pictures; without it flanges are drawn.", exists=True)] = None,
    budget_s: Annotated[float, typer.Option(min=0.001, help="Verdicts are wanted within this time.")] = 5.0,
    want: Annotated[Want, typer.Option(help="What events shall hold.")] = Want.VERDICT,
    line: Annotated[str, typer.Option(help="Name of the line.")] = "line1",
    sent: Annotated[Path | None, typer.Option(help="Write what was sent to this file, for gateway --expect.")] = None,
) -> None:
    """Publishes frames as cameras do, and prints a JSON summary."""
    pictures = folder_pictures(images) if images else drawn_pictures(40, seed=11)
    frames_sent: list[SentFrame] = []
    run = uuid.uuid4().hex[:8]
    plans = [
        CameraPlan(Address(line, f"station{n % 2 + 1}", f"cam{n + 1}"), category, frames, rate, poisson, budget_s, want.value, run)
        for n in range(cameras)
    ]
    makers = [SimulatedCamera(RabbitBus([amqp_url], plan.address.routing_key), plan, pictures, frames_sent.append) for plan in plans]

    async def run_all() -> None:
        await asyncio.gather(*(maker.run() for maker in makers))

    asyncio.run(run_all())
    if sent is not None:
        sent.write_text("".join(json.dumps(asdict(frame), default=datetime.isoformat) + "\n" for frame in frames_sent))
    typer.echo(json.dumps({"run": run, "frames": len(frames_sent), "resent": sum(maker.resent for maker in makers)}))


@app.command()
def gateway(
    amqp_url: AmqpUrl = LOCAL_BROKER,
    expect: Annotated[Path | None, typer.Option(help="What cameras sent (camera --sent); may be written meanwhile.")] = None,
    frames: Annotated[int, typer.Option(min=0, help="Stop after so many frames have a verdict; 0 = never.")] = 0,
    patience_s: Annotated[float, typer.Option(min=0.1, help="Stop when no event came for so long.")] = 60.0,
    pattern: Annotated[str, typer.Option(help="Which events, as a topic pattern.")] = "#",
    queue: Annotated[str, typer.Option(help="Name of the gateway's queue, or its MQTT client id.")] = "goldenpart.gateway",
    mqtt: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Listen by MQTT here, with the account of --amqp-url.")] = None,
) -> None:
    """Takes events as a PLC gateway does, checks them, and prints a JSON summary; exit status 1 if a promise was broken."""
    ledger = Ledger()
    opened = _gateway_by_mqtt(amqp_url, mqtt, queue, pattern) if mqtt else _gateway_by_amqp(amqp_url, queue, pattern)
    asyncio.run(_listen(ledger, opened, frames, patience_s))
    if expect is not None:
        for row in expect.read_text().splitlines():
            fields = json.loads(row)
            ledger.sent(SentFrame(**{**fields, "captured_at": datetime.fromisoformat(fields["captured_at"])}))
    balance = ledger.balance()
    typer.echo(json.dumps({**asdict(balance), "kept": balance.kept}, default=float))
    raise typer.Exit(0 if expect is None or balance.kept else 1)


def _gateway_by_amqp(amqp_url: str, queue: str, pattern: str) -> OpenGateway:
    return lambda book: SimulatedGateway(RabbitBus([amqp_url], queue), queue, pattern, book).opened()


def _gateway_by_mqtt(amqp_url: str, host_and_port: str, client_id: str, pattern: str) -> OpenGateway:
    try:
        from goldenpart.worker.simulate.mqtt import MqttAddress, listening  # noqa: PLC0415 (paho-mqtt is an extra)

        address = MqttAddress.beside(amqp_url, host_and_port)
    except ImportError as error:
        raise typer.BadParameter("paho-mqtt is missing: pip install 'goldenpart[worker,mqtt]'", param_hint="--mqtt") from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--mqtt") from error
    return lambda book: listening(address, client_id, pattern, book)


async def _listen(ledger: Ledger, opened: OpenGateway, frames: int, patience_s: float) -> None:
    last = datetime.now(UTC)

    def book(verdict: Verdict, at: datetime) -> None:
        nonlocal last
        last = at
        ledger.received(verdict, at)

    async with opened(book):
        with Live(_live_table(ledger), console=_console, refresh_per_second=REFRESH_PER_S, transient=True) as live:
            while not (frames and ledger.answered >= frames) and (datetime.now(UTC) - last).total_seconds() < patience_s:
                await asyncio.sleep(1 / REFRESH_PER_S)
                live.update(_live_table(ledger))


def _live_table(ledger: Ledger) -> Table:
    balance, verdicts = ledger.balance(), ledger.verdicts()
    table = Table("frames", *VERDICTS, "repeats", "conflicts", title="events")
    counts = (ledger.answered, *(verdicts[name] for name in VERDICTS), balance.repeats, balance.conflicts)
    table.add_row(*map(str, counts))
    return table


@app.command()
def chaos(
    frames: Annotated[int, typer.Option(min=20)] = 2000,
    rate: Annotated[float, typer.Option(min=0.1, help="Frames per second of all four cameras.")] = 40.0,
    report: Annotated[Path | None, typer.Option(help="Write the figures to this Markdown file.")] = None,
    log_folder: Annotated[Path | None, typer.Option(help="Keep the worker's log here.")] = None,
    seed: Annotated[int, typer.Option(help="Order of the disturbances.")] = 1,
) -> None:
    """Kills worker and server and restarts the broker while four cameras send; then tries frames without a server.

    Starts a broker and a server of its own. Exit status 1 if a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="goldenpart-chaos-") as temporary, PrivateBroker() as broker:
        folder = log_folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        server = RestartableServer()
        try:
            server.start()
            _console.print(f"onboarded {CATEGORY} {onboard_flange(server.address)}")
            chapters = _chapters(broker, server, folder, ChaosPlan(CATEGORY, frames, rate=rate, seed=seed))
        finally:
            server.close()
        text = to_markdown(chapters, f"goldenpart-simulate chaos --frames {frames} --rate {rate:g}", broker.version)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text)
    typer.echo(text)
    raise typer.Exit(0 if all(chapter.outcome.kept for chapter in chapters) else 1)


def _chapters(broker: PrivateBroker, server: RestartableServer, folder: Path, plan: ChaosPlan) -> list[Chapter]:
    pictures = drawn_pictures(40, seed=11, size_px=128)
    disturbed = _run(ChaosRun(broker, server, folder, _console.print), plan, pictures)
    server.kill()
    outage = ChaosPlan(plan.category, 200, rate=40.0, budget_s=2.0, worker_kills=0, server_kills=0, broker_restarts=0)
    without_server = _run(ChaosRun(broker, server, folder, _console.print), outage, pictures)
    return [
        Chapter("Everything is killed in turn", plan, disturbed),
        Chapter("No server: NOT_INSPECTED in time", outage, without_server),
    ]


def _run(run: ChaosRun, plan: ChaosPlan, pictures: list[Picture]) -> ChaosOutcome:
    return asyncio.run(run.run(plan, pictures))


@app.command()
def bench(
    backlog: Annotated[int, typer.Option(min=100, help="Frames that wait when the worker starts.")] = 1200,
    batch_frames: Annotated[int, typer.Option(min=1, max=64)] = 16,
    report: Annotated[Path | None, typer.Option(help="Write the figures to this Markdown file.")] = None,
) -> None:
    """Measures the line against direct Inspect calls on the same server. Starts a broker and a server of its own."""
    plan = BenchPlan(CATEGORY, backlog, batch_frames)
    with tempfile.TemporaryDirectory(prefix="goldenpart-bench-") as folder, PrivateBroker() as broker:
        server = RestartableServer()
        try:
            server.start()
            onboard_flange(server.address)
            measured = LineBench(broker, server, Path(folder), drawn_pictures(40, seed=11, size_px=128))
            figures = asyncio.run(measured.run(plan))
        finally:
            server.close()
        came_about = provenance(f"goldenpart-simulate bench --backlog {backlog} --batch-frames {batch_frames}", broker.version)
    text = to_text(plan, figures)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(f"# The line against direct calls\n\n{came_about}\n\n```\n{text}\n```\n")
    typer.echo(text)


def main() -> None:
    """Runs the command line; what a person can mend is told in one line."""
    try:
        app()
    except (GoldenpartError, ServerProcessError, BrokerSetupError, BusError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)
