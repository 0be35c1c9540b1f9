"""Room in the server: all or nothing, exact."""

import pytest

from goldenpart.server.errors import DrainingError, OverloadedError
from goldenpart.server.runtime.admission import Admission, Load


def test_holds_exactly_the_limit_and_gives_it_back() -> None:
    admission = Admission(3, 1000)
    with admission.admit(2, 10), admission.admit(1, 10):
        assert admission.held == Load(3, 20)
        with pytest.raises(OverloadedError, match="limit of 3 frames"), admission.admit(1, 10):
            pass
        assert admission.held == Load(3, 20)
    assert admission.held == Load(0, 0)


def test_gives_room_back_when_the_work_fails() -> None:
    admission = Admission(3, 1000)
    with pytest.raises(RuntimeError), admission.admit(2, 10):
        raise RuntimeError
    assert admission.held == Load(0, 0)


def test_pixels_are_bounded_but_one_large_frame_alone_passes() -> None:
    admission = Admission(10, 100)
    with admission.admit(1, 500), pytest.raises(OverloadedError, match="px"), admission.admit(1, 1):
        pass


def test_retry_after_follows_the_pace() -> None:
    admission = Admission(10, 10_000)
    for _ in range(50):
        admission.observe(2, 1.0)
    with admission.admit(10, 10):
        with pytest.raises(OverloadedError) as refusal, admission.admit(1, 1):
            pass
        assert refusal.value.retry_after_s == pytest.approx(5.0, rel=0.01)
        assert refusal.value.metadata["frames_held"] == "10"


def test_draining_refuses_everything() -> None:
    admission = Admission(10, 100)
    admission.drain()
    with pytest.raises(DrainingError), admission.admit(1, 1):
        pass
