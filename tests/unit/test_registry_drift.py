"""The reference of the drift watch in the store: kept, shared, replaced, verified, and absent in revisions that have none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fitted_category import CALIBRATION, draft

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.registry.store import Store
from goldenpart.server.vision.drift import DriftReference, SignalReference, TokenReference

FITTED = DriftReference(TokenReference((0.5, 1 / 3), (1.0, 2.0)), {"brightness": SignalReference.of([0.5, 0.25, 0.75])})
CALIBRATED = DriftReference(None, {"score": SignalReference.of([1.0, 2.0])})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


def test_the_reference_is_kept_shared_and_replaced(store: Store) -> None:
    store.add(replace(draft(), drift=FITTED), activate=True)
    assert store.read("part", "r0001").drift == FITTED
    store.derive("part", "r0001", CALIBRATION, activate=True)
    store.derive("part", "r0002", CALIBRATION, activate=True, drift=CALIBRATED)
    assert store.read("part", "r0002").drift == FITTED
    assert store.read("part", "r0003").drift == CALIBRATED


def test_a_revision_without_reference_can_be_read_and_given_one(store: Store) -> None:
    store.add(draft(), activate=True)
    assert store.read("part", "r0001").drift is None
    store.derive("part", "r0001", CALIBRATION, activate=True, drift=CALIBRATED)
    assert store.read("part", "r0002").drift == CALIBRATED


def test_the_reference_travels_with_an_export(store: Store, tmp_path: Path) -> None:
    store.add(replace(draft(), drift=FITTED), activate=True)
    (tmp_path / "r.tar").write_bytes(b"".join(store.export("part", "r0001")))
    with (tmp_path / "r.tar").open("rb") as file:
        store.import_archive(file, category="copy", activate=True)
    assert store.read("copy", "r0001").drift == FITTED


def test_a_damaged_reference_is_told(store: Store, tmp_path: Path) -> None:
    store.add(replace(draft(), drift=FITTED), activate=True)
    path = tmp_path / "store" / "categories" / "part" / "revisions" / "r0001" / "drift.json"
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.76"))
    with pytest.raises(RevisionDamagedError, match=r"drift\.json"):
        store.read("part", "r0001")
