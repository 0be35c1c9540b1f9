"""Two of sixteen golden parts are swapped for defective ones, and the audit names them.

`python -m tests.benchmarks.golden_audit` has figures for all categories.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import comb
from pathlib import Path

import pytest

from goldenpart.client import Client, GoldenPartVerdict, NamedImage, Recipe
from goldenpart.client.demo.process import ServerProcess

PARTS, BAD, TRIALS, SEED = 16, 2, 4, 0
LEAST_NAMED = 3
"""Of 4; by chance 3 or more would happen in 2 of a million runs."""


@pytest.mark.timeout(280)
def test_the_audit_names_both_bad_parts(real_images: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    folder, chooser = real_images / "dobot_cubes", random.Random(SEED)
    good = sorted((folder / "train" / "good").iterdir())
    bad = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    named = flagged = false = 0
    with ServerProcess({"GOLDENPART_ARTIFACTS": str(tmp_path), "GOLDENPART_THREADS": "1"}) as server, Client(server.address) as client:
        client.wait_until_ready()
        for _ in range(TRIALS):
            swapped = {f"bad-{path.name}": path for path in chooser.sample(bad, BAD)}
            parts = {**{path.name: path for path in chooser.sample(good, PARTS - BAD)}, **swapped}
            names = chooser.sample(sorted(parts), PARTS)
            client.fit("cubes", [NamedImage(name, parts[name]) for name in names], recipe=Recipe(resolution_px=192))
            audit = client.audit_golden_parts("cubes")
            assert not audit.lie_alike, "cubes lie anywhere"
            named += {part.name for part in audit.suspects[:BAD]} == set(swapped)
            contaminated = {part.name for part in audit.parts if part.verdict is GoldenPartVerdict.CONTAMINATED}
            flagged += len(contaminated & set(swapped))
            false += len(contaminated - set(swapped))
    measured = (
        f"golden-set audit of dobot_cubes: both of {BAD} bad among {PARTS} parts named in {named} of {TRIALS} trials "
        f"(chance {1 / comb(PARTS, BAD):.3f}), {flagged} of {BAD * TRIALS} bad parts and {false} good ones called contaminated"
    )
    record_property("measured", measured)
    assert named >= LEAST_NAMED, measured
    assert false <= TRIALS, measured
