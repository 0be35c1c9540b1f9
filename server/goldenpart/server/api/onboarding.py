"""OnboardingService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio

from goldenpart.server.api.categories import active_or_none
from goldenpart.server.api.conversions import image_from_pb, mask_from_pb, progress_to_pb, revision_to_pb, threshold_from_pb
from goldenpart.server.api.gate import gate_to_pb
from goldenpart.server.api.golden_parts import GoldenPartCalls
from goldenpart.server.api.recipes import recipe_from_pb
from goldenpart.server.errors import ImageError, InvalidArgumentError
from goldenpart.server.registry.store import RevisionSummary, Store
from goldenpart.server.runtime.curation_threshold import ThresholdPlan, set_threshold
from goldenpart.server.runtime.intake import LabelledPicture, NamedPicture
from goldenpart.server.runtime.learning_golden_parts import GoldenPartLearning
from goldenpart.server.runtime.onboarding import Event, Onboarding, OnboardingResult
from goldenpart.server.runtime.onboarding_plans import CalibrationPlan, FitPlan
from goldenpart.server.vision.image import ImageSource
from goldenpart.v1 import category_pb2, onboarding_pb2_grpc
from goldenpart.v1 import onboarding_pb2 as pb


class OnboardingServicer(GoldenPartCalls, onboarding_pb2_grpc.OnboardingServiceServicer):
    """Teaches the server what normal looks like.

    Args:
        onboarding: does the work.
        learning: changes golden parts.
        store: to tell whether a new revision is active.
        default_backbone: for recipes that name none.
        max_pixels: largest mask image.
    """

    def __init__(self, onboarding: Onboarding, learning: GoldenPartLearning, store: Store, default_backbone: str, max_pixels: int) -> None:
        self.learning = learning
        self._onboarding = onboarding
        self._store = store
        self._default_backbone = default_backbone
        self._max_pixels = max_pixels

    async def Fit(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.FitRequest], context: grpc.aio.ServicerContext[pb.FitRequest, pb.FitResponse]
    ) -> AsyncIterator[pb.FitResponse]:
        """Learn a category from golden parts."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of Fit must be its config.", field="config")
        plan = FitPlan(
            category=first.config.category,
            recipe=recipe_from_pb(first.config.recipe, self._default_backbone),
            mask=await asyncio.to_thread(mask_from_pb, first.config.mask, self._max_pixels),
            threshold=threshold_from_pb(first.config.threshold),
            stage_only=first.config.stage_only,
            etag=first.config.etag,
            reuse_features=first.config.reuse_features,
            without_threshold=first.config.without_threshold,
        )
        async with aclosing(self._onboarding.fit(plan, _golden_parts(request_iterator, first.config.image_count))) as events:
            async for event in events:
                yield self._fit_response(event)

    async def Calibrate(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.CalibrateRequest],
        context: grpc.aio.ServicerContext[pb.CalibrateRequest, pb.CalibrateResponse],
    ) -> AsyncIterator[pb.CalibrateResponse]:
        """Set a category's threshold from labelled images."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of Calibrate must be its config.", field="config")
        plan = CalibrationPlan(
            category=first.config.category,
            revision=first.config.revision,
            threshold=threshold_from_pb(first.config.threshold),
            stage_only=first.config.stage_only,
            etag=first.config.etag,
            gate=first.config.gate,
            added_false_rejects=first.config.added_false_rejects_allowed,
            reuse_features=first.config.reuse_features,
        )
        async with aclosing(self._onboarding.calibrate(plan, _labelled(request_iterator, first.config.image_count))) as events:
            async for event in events:
                yield self._calibrate_response(event)

    async def SetThreshold(  # noqa: N802 - gRPC's name
        self, request: pb.SetThresholdRequest, context: grpc.aio.ServicerContext[pb.SetThresholdRequest, pb.SetThresholdResponse]
    ) -> pb.SetThresholdResponse:
        """Set a category's threshold to a given value."""
        del context
        plan = ThresholdPlan(
            category=request.category,
            revision=request.revision,
            threshold=request.threshold,
            review_threshold=request.review_threshold if request.HasField("review_threshold") else None,
            stage_only=request.stage_only,
            etag=request.etag,
        )
        made, warnings = await set_threshold(self._store, plan)
        return pb.SetThresholdResponse(revision=self._revision(made), warnings=warnings)

    def _fit_response(self, event: Event) -> pb.FitResponse:
        if not isinstance(event, OnboardingResult):
            return pb.FitResponse(progress=progress_to_pb(event))
        revision = self._revision(event.revision)
        result = pb.FitResult(revision=revision, patches=event.patches, patches_excluded=event.patches_excluded, warnings=event.warnings)
        return pb.FitResponse(result=result)

    def _calibrate_response(self, event: Event) -> pb.CalibrateResponse:
        if not isinstance(event, OnboardingResult):
            return pb.CalibrateResponse(progress=progress_to_pb(event))
        gate = gate_to_pb(event.gate) if event.gate else None
        return pb.CalibrateResponse(result=pb.CalibrateResult(revision=self._revision(event.revision), warnings=event.warnings, gate=gate))

    def _revision(self, made: RevisionSummary) -> category_pb2.Revision:
        return revision_to_pb(made, active_or_none(self._store, made.category))


async def _golden_parts(requests: AsyncIterator[pb.FitRequest], announced: int) -> AsyncIterator[NamedPicture]:
    count = 0
    async for request in requests:
        if request.WhichOneof("payload") != "image":
            raise InvalidArgumentError("After the config every message of Fit must be an image.", field="image")
        count += 1
        yield NamedPicture(request.image.name, _source(request.image))
    _check_count(announced, count)


async def _labelled(requests: AsyncIterator[pb.CalibrateRequest], announced: int) -> AsyncIterator[LabelledPicture]:
    count = 0
    async for request in requests:
        if request.WhichOneof("payload") != "image":
            raise InvalidArgumentError("After the config every message of Calibrate must be an image.", field="image")
        picture = request.image
        if picture.label not in pb.Label.values():
            raise InvalidArgumentError(f"label {picture.label} of {picture.name!r} is unknown to this server.", field="image.label")
        count += 1
        yield LabelledPicture(picture.name, _source(picture), picture.label == pb.LABEL_DEFECTIVE)
    _check_count(announced, count)


def _check_count(announced: int, count: int) -> None:
    """Refuse an upload that broke off: grpc.aio may end the request stream of a cancelled call as if it were complete."""
    if announced and announced != count:
        raise InvalidArgumentError(
            f"The config announced {announced} images and {count} came; the upload broke off. Send it again.",
            field="config.image_count",
            announced=announced,
            received=count,
        )


def _source(message: pb.GoldenImage | pb.LabelledImage) -> ImageSource:
    try:
        return image_from_pb(message.image)
    except ImageError as error:
        error.message = f"{message.name!r}: {error.message}"
        raise
