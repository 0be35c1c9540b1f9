"""Python client of Goldenpart: onboard categories, calibrate, inspect frames.

Everything public is importable from here; ``goldenpart --help`` is the same on the command line.
"""

from goldenpart.client.aio import AsyncClient
from goldenpart.client.channel import DEFAULT_ADDRESS, MAX_MESSAGE_BYTES
from goldenpart.client.client import Client
from goldenpart.client.errors import (
    Aborted,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    GoldenpartError,
    Internal,
    InvalidArgument,
    NotFound,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from goldenpart.client.frames import Frame, ImageSource, InspectOptions, Mask, NamedImage, PixelFormat
from goldenpart.client.recipe import Aggregate, Coreset, Metric, Preset, Recipe, Resize, SearchIndex
from goldenpart.client.results import Box, Heatmap, Inspection, Nearest, NotInspectedReason, Region, Timings, Verdict
from goldenpart.client.revisions import (
    Activation,
    Calibration,
    CalibrationMethod,
    CalibrationReport,
    Category,
    FitReport,
    GoldenPart,
    OnboardingStage,
    Progress,
    Revision,
    RevisionState,
    ThresholdRequest,
)
from goldenpart.client.server_info import Backbone, Limits, ServerInfo

__all__ = [
    "DEFAULT_ADDRESS",
    "MAX_MESSAGE_BYTES",
    "Aborted",
    "Activation",
    "Aggregate",
    "AsyncClient",
    "Backbone",
    "Box",
    "Calibration",
    "CalibrationMethod",
    "CalibrationReport",
    "Cancelled",
    "Category",
    "Client",
    "Coreset",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FieldViolation",
    "FitReport",
    "Frame",
    "GoldenPart",
    "GoldenpartError",
    "Heatmap",
    "ImageSource",
    "InspectOptions",
    "Inspection",
    "Internal",
    "InvalidArgument",
    "Limits",
    "Mask",
    "Metric",
    "NamedImage",
    "Nearest",
    "NotFound",
    "NotInspectedReason",
    "OnboardingStage",
    "Overloaded",
    "PermissionDenied",
    "PixelFormat",
    "Preset",
    "Progress",
    "Recipe",
    "Region",
    "Resize",
    "Revision",
    "RevisionState",
    "SearchIndex",
    "ServerInfo",
    "ThresholdRequest",
    "Timings",
    "Unauthenticated",
    "Unavailable",
    "Verdict",
]
