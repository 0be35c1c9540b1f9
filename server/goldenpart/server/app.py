"""Wiring: builds the server from its settings, runs it, drains it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import cv2
import faiss
import grpc.aio
import structlog
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from goldenpart.server.api.call_gate import CallGate
from goldenpart.server.api.categories import CategoryServicer
from goldenpart.server.api.challenge import ChallengeServicer
from goldenpart.server.api.curation import CurationServicer
from goldenpart.server.api.health import HealthServicer
from goldenpart.server.api.inspection import InspectionServicer
from goldenpart.server.api.interceptor import EdgeInterceptor
from goldenpart.server.api.onboarding import OnboardingServicer
from goldenpart.server.api.server_info import ServerInfoServicer
from goldenpart.server.api.zones import ZoneServicer
from goldenpart.server.registry.challenge_frame import ChallengeLimits
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.admission import Admission
from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.runtime.batch_queue import BatchQueue
from goldenpart.server.runtime.challenge import ChallengeIntake
from goldenpart.server.runtime.curation import FrameSuggester
from goldenpart.server.runtime.curation_audit import GoldenAuditor
from goldenpart.server.runtime.executor import DeviceExecutor, DeviceJob
from goldenpart.server.runtime.feature_cache import FeatureCache
from goldenpart.server.runtime.gate import RegressionGate
from goldenpart.server.runtime.golden_pictures import GoldenPictures
from goldenpart.server.runtime.inspector import Inspector
from goldenpart.server.runtime.learning_golden_parts import GoldenPartLearning
from goldenpart.server.runtime.loaded import LoadedRevisions
from goldenpart.server.runtime.onboarding import Onboarding, OnboardingLimits
from goldenpart.server.runtime.zoning import Zoning
from goldenpart.server.settings import Settings
from goldenpart.server.telemetry import Metrics
from goldenpart.v1 import (
    category_pb2,
    category_pb2_grpc,
    challenge_pb2,
    challenge_pb2_grpc,
    curation_pb2,
    curation_pb2_grpc,
    inspection_pb2,
    inspection_pb2_grpc,
    onboarding_pb2,
    onboarding_pb2_grpc,
    server_info_pb2,
    server_info_pb2_grpc,
    zone_pb2,
    zone_pb2_grpc,
)

_log = structlog.get_logger(__name__)

_SERVICES = {
    inspection_pb2.DESCRIPTOR.services_by_name["InspectionService"].full_name,
    onboarding_pb2.DESCRIPTOR.services_by_name["OnboardingService"].full_name,
    category_pb2.DESCRIPTOR.services_by_name["CategoryService"].full_name,
    challenge_pb2.DESCRIPTOR.services_by_name["ChallengeService"].full_name,
    curation_pb2.DESCRIPTOR.services_by_name["CurationService"].full_name,
    server_info_pb2.DESCRIPTOR.services_by_name["ServerInfoService"].full_name,
    zone_pb2.DESCRIPTOR.services_by_name["ZoneService"].full_name,
}
_MIN_PING_INTERVAL_MS = 20_000  # gRPC's default of 300 s makes clients that keep alive look like attackers (grpc #9902)
_KEEPALIVE_MS = 60_000  # a client that vanished without a word holds its Fit and its streams no longer than this and the next
_KEEPALIVE_TIMEOUT_MS = 20_000
_LAST_WORDS_S = 1.0  # for responses on their way out
_STOP_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class App:
    """A running server.

    Attributes:
        address: listened on.
        metrics_address: of the Prometheus endpoint; empty = off.
        executor: owner of the device.
        died: set when the executor has died.
    """

    address: str
    metrics_address: str
    executor: DeviceExecutor
    died: asyncio.Event


@asynccontextmanager
async def running_server(settings: Settings) -> AsyncIterator[App]:
    """Run the server; drains it on the way out: health NOT_SERVING, nothing new let in, calls in flight finished within `drain_s`."""
    device = _choose_device(settings.device)
    _set_threads(settings.threads)
    loop, died = asyncio.get_running_loop(), asyncio.Event()
    metrics = Metrics(settings.metric_categories)
    admission = Admission(settings.limits.frames_in_server, settings.limits.pixels_in_server)

    def on_batch(frames: int, duration_s: float) -> None:
        metrics.count_batch(frames)
        loop.call_soon_threadsafe(admission.observe, frames, duration_s)

    def on_death(_: BaseException) -> None:
        loop.call_soon_threadsafe(died.set)

    queue: BatchQueue[DeviceJob] = BatchQueue(settings.batch.max_frames, settings.batch.max_delay_s, loop.time)
    executor = DeviceExecutor(queue, on_batch, on_death)
    store = await asyncio.to_thread(Store, settings.artifacts)
    pool = ThreadPoolExecutor(settings.decode_threads, "decode")
    backbones = Backbones(settings.backbone_weights, settings.artifacts / "backbones", device, settings.precision)
    revisions = LoadedRevisions(store, backbones, settings.limits.bank_bytes)
    features = FeatureCache(settings.limits.features_cache_bytes)
    gate, health = CallGate(), HealthServicer(_SERVICES)
    server = _make_server(settings, gate, health, metrics)
    inspector = Inspector(
        revisions,
        executor,
        admission,
        pool,
        settings.limits.image_pixels,
        metrics.count_outcome,
        metrics.count_refusal,
        GoldenPictures(store),
        features,
    )
    _add_services(server, settings, backbones, inspector, gate)
    _add_learning(server, settings, store, revisions, backbones, executor, pool, features)
    suggester = FrameSuggester(revisions, executor, pool, settings.limits.image_pixels)
    curation = CurationServicer(suggester, GoldenAuditor(store, revisions, executor, pool))
    curation_pb2_grpc.add_CurationServiceServicer_to_server(curation, server)
    _watch_gauges(metrics, admission, executor, revisions)
    _watch_features(metrics, features)
    try:
        address = _bind(server, settings.listen)
        executor.start()
        await backbones.get(settings.default_backbone)
        await server.start()
        with _metrics_endpoint(settings.metrics_listen, metrics) as metrics_address:
            health.set_serving(serving=True)
            watchdog = asyncio.create_task(_watch(died, health))
            try:
                yield App(address, metrics_address, executor, died)
            finally:
                watchdog.cancel()
                health.close()
                admission.drain()
                await _drain(server, gate, _LAST_WORDS_S if died.is_set() else settings.drain_s)
    finally:
        await server.stop(0)
        await asyncio.to_thread(executor.stop, _STOP_S)
        pool.shutdown(wait=False, cancel_futures=True)
        store.close()


def _watch_gauges(metrics: Metrics, admission: Admission, executor: DeviceExecutor, revisions: LoadedRevisions) -> None:
    metrics.watch("goldenpart_frames_in_server", "Frames admitted and not yet answered.", lambda: admission.held.frames)
    metrics.watch("goldenpart_queue_frames", "Frames waiting for the device.", lambda: executor.waiting)
    metrics.watch("goldenpart_bank_bytes", "Memory of loaded banks.", lambda: revisions.bank_bytes)
    metrics.watch("goldenpart_executor_up", "1 while the device executor works.", lambda: float(executor.alive))


def _watch_features(metrics: Metrics, features: FeatureCache) -> None:
    metrics.watch("goldenpart_features_bytes", "Memory of features that may be reused.", lambda: features.size_bytes)
    metrics.watch("goldenpart_features_hits", "Pictures whose features were reused, since the start.", lambda: features.hits)
    metrics.watch("goldenpart_features_misses", "Pictures read for reuse, since the start.", lambda: features.misses)


def _make_server(settings: Settings, gate: CallGate, health: HealthServicer, metrics: Metrics) -> grpc.aio.Server:
    options = [
        ("grpc.max_receive_message_length", settings.limits.message_bytes),
        ("grpc.max_send_message_length", settings.limits.message_bytes),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.so_reuseport", 0),  # a second server on the same port must fail, not share it
    ]
    server = grpc.aio.server(interceptors=[EdgeInterceptor(gate, metrics.count_call)], options=options)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    if settings.reflection:
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection([*_SERVICES, health_name, reflection.SERVICE_NAME], server)
    return server


def _add_services(server: grpc.aio.Server, settings: Settings, backbones: Backbones, inspector: Inspector, gate: CallGate) -> None:
    limits = settings.limits
    # One more than there is room for, so that the surplus is read and refused.
    inspection = InspectionServicer(inspector, limits.frames_in_one_call, limits.frames_in_server + 1, limits.frame_wait_s, gate.closing)
    inspection_pb2_grpc.add_InspectionServiceServicer_to_server(inspection, server)
    server_info_pb2_grpc.add_ServerInfoServiceServicer_to_server(ServerInfoServicer(settings, backbones), server)


def _add_learning(
    server: grpc.aio.Server,
    settings: Settings,
    store: Store,
    revisions: LoadedRevisions,
    backbones: Backbones,
    executor: DeviceExecutor,
    pool: ThreadPoolExecutor,
    features: FeatureCache,
) -> None:
    limits, onboarding_limits = settings.limits, _onboarding_limits(settings)
    regression_gate = RegressionGate(store, revisions, executor, pool)
    onboarding = Onboarding(store, backbones, revisions, executor, pool, onboarding_limits, regression_gate, features)
    learning = GoldenPartLearning(store, revisions, executor, pool, onboarding_limits, onboarding, regression_gate)
    teaching = OnboardingServicer(onboarding, learning, store, settings.default_backbone, limits.image_pixels)
    onboarding_pb2_grpc.add_OnboardingServiceServicer_to_server(teaching, server)
    zones = ZoneServicer(Zoning(store, revisions, onboarding, learning), store)
    zone_pb2_grpc.add_ZoneServiceServicer_to_server(zones, server)
    categories = CategoryServicer(store, revisions, regression_gate, limits.archive_bytes)
    category_pb2_grpc.add_CategoryServiceServicer_to_server(categories, server)
    challenge_limits = ChallengeLimits(limits.challenge_frames, limits.challenge_bytes)
    challenges = ChallengeServicer(store, ChallengeIntake(store, pool, limits.image_pixels, challenge_limits))
    challenge_pb2_grpc.add_ChallengeServiceServicer_to_server(challenges, server)


def _onboarding_limits(settings: Settings) -> OnboardingLimits:
    limits = settings.limits
    return OnboardingLimits(
        golden_parts=limits.golden_parts,
        calibration_images=limits.calibration_images,
        image_pixels=limits.image_pixels,
        golden_bytes=limits.golden_bytes,
        kept_images=limits.calibration_kept_images,
        kept_bytes=limits.calibration_kept_bytes,
    )


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _set_threads(threads: int) -> None:
    """Give torch and FAISS the same threads, and OpenCV none: frames are decoded in parallel, not pixels of one frame."""
    cv2.setNumThreads(1)
    if threads:
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)


def _bind(server: grpc.aio.Server, listen: str) -> str:
    """Listen; returns the address with the port that was picked.

    Raises:
        RuntimeError: the address is taken or is none of this machine's.
    """
    port = server.add_insecure_port(listen)
    return listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"


@contextmanager
def _metrics_endpoint(listen: str, metrics: Metrics) -> Iterator[str]:
    if not listen:
        yield ""
        return
    host, _, port = listen.rpartition(":")
    try:
        http, thread = start_http_server(int(port), host.strip("[]"), metrics.registry)
    except OSError as error:
        raise OSError(error.errno, f"metrics_listen {listen} cannot be listened on ({error.strerror}); choose another, or empty") from error
    try:
        yield f"{host}:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


async def _watch(died: asyncio.Event, health: HealthServicer) -> None:
    await died.wait()
    health.set_serving(serving=False)


async def _drain(server: grpc.aio.Server, gate: CallGate, drain_s: float) -> None:
    """Finish the calls in flight. The server still listens meanwhile, so that others are told where they stand."""
    _log.info("server_draining", calls=gate.inside, drain_s=drain_s)
    left = await gate.close(drain_s)
    await server.stop(0 if left else _LAST_WORDS_S)
    _log.info("server_drained", calls_broken_off=left)
