"""The command's settings: told in the log, refused with a clear line and status 2 when they are wrong."""

import json
import signal
from pathlib import Path

from server_command import outcome, ready_address, run_server

from goldenpart.client import Client


def test_flags_environment_and_file_reach_the_server_and_its_log(tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_text(
        'log_format = "json"\nmetrics_listen = ""\nthreads = 1\n'
        "[limits]\nframes_in_server = 7\nframes_per_call = 3\n[batch]\nmax_frames = 5\n"
    )
    environment = {
        "GOLDENPART_CONFIG": "line.toml",
        "GOLDENPART_LIMITS__FRAMES_IN_SERVER": "11",
        "GOLDENPART_BATCH__MAX_FRAMES": "6",
        "GOLDENPART_PORT_FILE": "port",
    }
    with run_server(tmp_path, ["--listen", "127.0.0.1:0", "--batch.max-frames", "9"], environment) as process:
        assert process.stderr is not None
        starting = json.loads(process.stderr.readline())
        assert starting["event"] == "server_starting"
        limits, batch = starting["settings"]["limits"], starting["settings"]["batch"]
        assert (limits["frames_per_call"], limits["frames_in_server"], batch["max_frames"]) == (3, 11, 9)  # file, environment, flag
        with Client(ready_address(process)) as client:
            told = client.server_info().limits
            assert (told.frames_per_call, told.frames_in_server, told.batch_frames) == (3, 11, 9)
            assert (tmp_path / "port").read_text() == client.address
        process.send_signal(signal.SIGTERM)
        assert outcome(process)[0] == 0


def test_a_wrong_value_ends_with_2_and_one_clear_line(tmp_path: Path) -> None:
    with run_server(tmp_path, environment={"GOLDENPART_LIMITS__FRAMES_IN_SERVER": "0"}) as process:
        status, log = outcome(process)
    assert status == 2, log
    assert log.splitlines() == [
        "goldenpart-server: a setting is wrong.",
        "limits.frames_in_server: Input should be greater than or equal to 1 (got '0')",
    ]
