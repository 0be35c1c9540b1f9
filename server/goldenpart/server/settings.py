"""Every setting of the server: from flags, environment (`GOLDENPART_*`, nested by `__`) and a TOML file, in that order."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

_ADDRESS = re.compile(r".+:(\d{1,5})")
_LAST_PORT = 65_535
MEBIBYTE = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitSettings(_Section):
    """What the server takes."""

    message_bytes: int = Field(default=64 * MEBIBYTE, ge=MEBIBYTE, le=2047 * MEBIBYTE, description="largest gRPC message, both directions")
    image_pixels: int = Field(default=50_000_000, ge=1024, description="largest image, width times height")
    frames_per_call: int = Field(default=64, ge=1, description="frames in one Inspect call")
    frames_in_server: int = Field(default=256, ge=1, description="frames held at once; more are answered RESOURCE_EXHAUSTED")
    pixels_in_server: int = Field(default=500_000_000, ge=1024, description="their pixels")
    frame_wait_s: float = Field(default=60.0, gt=0, description="longest wait of a frame, whatever the deadline of its call")
    golden_parts: int = Field(default=512, ge=1, description="images in one Fit call")
    golden_bytes: int = Field(
        default=1024 * MEBIBYTE, ge=MEBIBYTE, description="bytes of all images in one Fit call, encoded and at every angle"
    )
    calibration_images: int = Field(default=20_000, ge=1, description="images in one Calibrate call")
    calibration_kept_images: int = Field(default=1000, ge=0, description="of them kept with the revision, to score them by a changed bank")
    calibration_kept_bytes: int = Field(default=256 * MEBIBYTE, ge=0, description="bytes of those")
    challenge_frames: int = Field(default=2000, ge=0, description="frames in a category's challenge set")
    challenge_bytes: int = Field(default=512 * MEBIBYTE, ge=0, description="bytes of those")
    archive_bytes: int = Field(default=4096 * MEBIBYTE, ge=MEBIBYTE, description="largest file for ImportRevision")
    bank_bytes: int = Field(default=2048 * MEBIBYTE, ge=MEBIBYTE, description="memory for loaded banks")
    features_cache_bytes: int = Field(default=256 * MEBIBYTE, ge=0, description="memory for features that calls ask to reuse; 0 = off")

    @property
    def frames_in_one_call(self) -> int:
        """Largest call there can ever be room for."""
        return min(self.frames_per_call, self.frames_in_server)


class BatchSettings(_Section):
    """How frames go to the device together."""

    max_frames: int = Field(default=16, ge=1, le=1024, description="frames in one backbone batch")
    max_delay_s: float = Field(default=0.0, ge=0, le=1, description="how long a batch that is not full may wait for company")


class Settings(BaseSettings):
    """All settings. Unknown flags and file entries are refused, so that a misspelt one is not silently without effect."""

    model_config = SettingsConfigDict(
        env_prefix="GOLDENPART_",
        env_nested_delimiter="__",
        frozen=True,
        cli_prog_name="goldenpart-server",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    listen: str = Field(default="127.0.0.1:50051", description="gRPC address, host:port or unix:/path; port 0 picks a free one")
    port_file: Path | None = Field(default=None, description="write the address listened on here, once the server is ready")
    metrics_listen: str = Field(default="127.0.0.1:9464", description="Prometheus address, host:port; empty = off")
    artifacts: Path = Field(default=Path("artifacts"), description="store of revisions and downloaded weights")
    device: str = Field(default="auto", description="cpu, cuda, cuda:1, ...; auto = cuda where there is one")
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="number format of the backbones")
    threads: int = Field(default=0, ge=0, le=256, description="CPU threads of the device executor; 0 = all cores")
    decode_threads: int = Field(default=2, ge=1, le=256, description="threads that decode and draw")
    default_backbone: str = Field(default="compact", description="for recipes that name none")
    backbone_weights: dict[str, Path] = Field(default_factory=dict, description="local weights files by backbone name")
    reflection: bool = Field(default=False, description="offer gRPC reflection, which shows the schema to anyone who connects")
    drain_s: float = Field(default=30.0, ge=0, description="on SIGTERM: how long calls in flight may take to finish")
    log_format: Literal["auto", "json", "console"] = Field(default="auto", description="auto = console on a terminal, else json")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level that is logged")
    metric_categories: int = Field(default=100, ge=0, description="categories with a metric label of their own; the others share _other")
    limits: LimitSettings = LimitSettings()
    batch: BatchSettings = BatchSettings()

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        if not (value.startswith("unix:") or _is_host_and_port(value)):
            raise ValueError("no address; write host:port, for example 127.0.0.1:50051, or unix:/path")
        return value

    @field_validator("metrics_listen")
    @classmethod
    def _check_metrics_listen(cls, value: str) -> str:
        if value and not _is_host_and_port(value):
            raise ValueError("no address; write host:port, for example 127.0.0.1:9464, or nothing")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given in code, then the environment, then the file that GOLDENPART_CONFIG names (default goldenpart.toml)."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file()))

    def redacted(self) -> dict[str, Any]:
        """Return all settings for the log, secrets blanked (pydantic blanks SecretStr by itself)."""
        return self.model_dump(mode="json")


def config_file() -> Path:
    """Return the settings file: the one GOLDENPART_CONFIG names, else goldenpart.toml in the working directory, which may not exist.

    Raises:
        SettingsError: the one that is named does not exist.
    """
    named = os.environ.get("GOLDENPART_CONFIG")
    if named and not Path(named).is_file():
        raise SettingsError(f"GOLDENPART_CONFIG names {named}, and there is no such file")
    return Path(named or "goldenpart.toml")


def explain_settings_error(error: ValueError) -> str:
    """Say what is wrong with the settings, one line for each that is."""
    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_context=False)
    return "\n".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (got {fault['input']!r})" for fault in faults)


def _is_host_and_port(value: str) -> bool:
    found = _ADDRESS.fullmatch(value)
    return found is not None and int(found[1]) <= _LAST_PORT
