"""ServerInfoService."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from google.protobuf.timestamp_pb2 import Timestamp

from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.settings import Settings
from goldenpart.server.vision.backbones import backbone_names
from goldenpart.v1 import server_info_pb2 as pb
from goldenpart.v1 import server_info_pb2_grpc

_LIBRARIES = {"torch": "torch", "faiss": "faiss-cpu", "opencv": "opencv-python-headless", "grpc": "grpcio"}


class ServerInfoServicer(server_info_pb2_grpc.ServerInfoServiceServicer):
    """Tells what this server is and what it takes.

    Args:
        settings: limits and defaults.
        backbones: loaded networks.
    """

    def __init__(self, settings: Settings, backbones: Backbones) -> None:
        self._settings = settings
        self._backbones = backbones
        self._started = Timestamp()
        self._started.FromDatetime(datetime.now(UTC))

    async def GetServerInfo(  # noqa: N802 - gRPC's name
        self, request: pb.GetServerInfoRequest, context: object
    ) -> pb.GetServerInfoResponse:
        """Tell versions, backbones, device and limits."""
        del request, context
        loaded = self._backbones.loaded()
        limits = self._settings.limits
        return pb.GetServerInfoResponse(
            version=version("goldenpart"),
            device=str(self._backbones.device),
            start_time=self._started,
            library_versions={name: version(package) for name, package in _LIBRARIES.items()},
            backbones=[
                pb.BackboneInfo(
                    name=name,
                    digest=loaded[name].digest if name in loaded else "",
                    loaded=name in loaded,
                    is_default=name == self._settings.default_backbone,
                )
                for name in backbone_names()
            ],
            limits=pb.Limits(
                message_bytes=limits.message_bytes,
                image_pixels=limits.image_pixels,
                frames_per_call=limits.frames_in_one_call,
                frames_in_server=limits.frames_in_server,
                pixels_in_server=limits.pixels_in_server,
                golden_parts=limits.golden_parts,
                calibration_images=limits.calibration_images,
                batch_frames=self._settings.batch.max_frames,
            ),
        )
