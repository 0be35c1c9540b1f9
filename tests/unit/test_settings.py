"""Settings: where they come from, which wins, and what is refused."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from goldenpart.server.__main__ import main
from goldenpart.server.settings import Settings, config_file, explain_settings_error


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "LISTEN", "THREADS"):
        monkeypatch.delenv(f"GOLDENPART_{name}", raising=False)


def from_flags(*flags: str) -> Settings:
    return CliApp.run(Settings, cli_args=list(flags))


def test_defaults_listen_on_loopback_alone() -> None:
    settings = from_flags()
    assert settings.listen.startswith("127.0.0.1:")
    assert settings.metrics_listen.startswith("127.0.0.1:")
    assert not settings.reflection


def test_flags_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("goldenpart.toml").write_text(
        'threads = 2\ndrain_s = 2\nlog_level = "debug"\n[limits]\ngolden_parts = 2\nframes_in_server = 2\nframes_per_call = 2\n'
    )
    monkeypatch.setenv("GOLDENPART_THREADS", "3")
    monkeypatch.setenv("GOLDENPART_DRAIN_S", "3")
    monkeypatch.setenv("GOLDENPART_LIMITS__GOLDEN_PARTS", "3")
    monkeypatch.setenv("GOLDENPART_LIMITS__FRAMES_IN_SERVER", "3")
    settings = from_flags("--threads", "4", "--limits.golden-parts", "4", "--reflection")
    assert (settings.threads, settings.drain_s, settings.log_level) == (4, 3, "debug")
    assert (settings.limits.golden_parts, settings.limits.frames_in_server, settings.limits.frames_per_call) == (4, 3, 2)
    assert settings.reflection


def test_weights_by_backbone_name_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDENPART_BACKBONE_WEIGHTS", '{"dinov2_vits14": "weights/s.safetensors"}')
    assert from_flags().backbone_weights == {"dinov2_vits14": Path("weights/s.safetensors")}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("THREADS", "many", "threads: Input should be a valid integer"),
        ("LIMITS__FRAMES_IN_SERVER", "0", "limits.frames_in_server: Input should be greater than or equal to 1"),
        ("LIMITS__FRAME_IN_SERVER", "8", "limits.frame_in_server: Extra inputs are not permitted"),
        ("PRECISION", "fp8", "precision: Input should be 'fp32', 'bf16' or 'fp16' (got 'fp8')"),
        ("LISTEN", "50051", "listen: Value error, no address; write host:port, for example 127.0.0.1:50051, or unix:/path (got '50051')"),
        ("LISTEN", "", "listen: Value error, no address"),
        ("LISTEN", "127.0.0.1:65536", "listen: Value error, no address"),
        ("METRICS_LISTEN", "unix:/tmp/metrics", "metrics_listen: Value error, no address; write host:port"),
    ],
)
def test_a_wrong_value_is_named_with_its_limit(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(f"GOLDENPART_{name}", value)
    with pytest.raises(ValidationError) as refusal:
        from_flags()
    text = explain_settings_error(refusal.value)
    assert text.startswith(words)
    assert repr(value) in text
    assert "\n" not in text


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::1]:50051", "localhost:0", "unix:/run/goldenpart.sock", "unix:goldenpart.sock"])
def test_addresses_that_can_be_listened_on(listen: str) -> None:
    assert from_flags("--listen", listen).listen == listen


def test_metrics_may_be_off() -> None:
    assert from_flags("--metrics-listen", "").metrics_listen == ""


def test_a_misspelt_entry_of_the_file_is_refused() -> None:
    Path("goldenpart.toml").write_text("thread = 2\n[batch]\nmax_frame = 3\n")
    with pytest.raises(ValidationError) as refusal:
        from_flags()
    assert sorted(explain_settings_error(refusal.value).splitlines()) == [
        "batch.max_frame: Extra inputs are not permitted (got 3)",
        "thread: Extra inputs are not permitted (got 2)",
    ]


def test_a_file_that_is_named_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_file() == Path("goldenpart.toml")  # which does not exist here, and need not
    monkeypatch.setenv("GOLDENPART_CONFIG", "line-4.toml")
    with pytest.raises(SettingsError, match=r"GOLDENPART_CONFIG names line-4\.toml, and there is no such file"):
        from_flags()


@pytest.mark.parametrize(
    ("flags", "file", "words"),
    [
        (["--frames", "8"], "", "--frames"),
        (["--threads", "-1"], "", "threads: Input should be greater than or equal to 0 (got '-1')"),
        ([], "threads = \n", "a setting is wrong"),
        ([], "[limits\n", "a setting is wrong"),
    ],
    ids=["unknown flag", "wrong value", "value missing", "no TOML"],
)
def test_the_command_ends_with_2_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str], file: str, words: str
) -> None:
    if file:
        Path("goldenpart.toml").write_text(file)
    monkeypatch.setattr(sys, "argv", ["goldenpart-server", *flags])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    log = capsys.readouterr().err
    assert words in log
    assert "goldenpart-server" in log
    assert "Traceback" not in log


def test_everything_is_told_at_the_start() -> None:
    told = from_flags("--listen", "127.0.0.1:1").redacted()
    assert told["listen"] == "127.0.0.1:1"
    assert told["limits"]["frames_in_server"] == 256
    assert set(told) == set(Settings.model_fields)


def test_no_call_is_promised_more_room_than_there_is() -> None:
    assert from_flags("--limits.frames-in-server", "8").limits.frames_in_one_call == 8
    assert from_flags("--limits.frames-per-call", "8").limits.frames_in_one_call == 8
