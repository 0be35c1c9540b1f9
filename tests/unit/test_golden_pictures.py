"""Golden parts shown in explanations."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from fitted_category import picture
from test_registry_drafts import draft, open_store

from goldenpart.server.runtime.golden_pictures import GoldenPictures


def test_a_picture_that_was_damaged_is_shown_again_once_it_is_restored(tmp_path: Path) -> None:
    made = draft(parts=1)
    encoded = bytes(cv2.imencode(".png", cv2.cvtColor(picture(1), cv2.COLOR_RGB2BGR))[1])
    with open_store(tmp_path) as store:
        store.add(replace(made, golden_images=(replace(made.golden_images[0], data=encoded),)), activate=True)
        pictures = GoldenPictures(store)
        (file,) = tmp_path.rglob("golden/0000.png")
        file.write_bytes(encoded[:-9])
        assert pictures.get("gasket", "r0001", 0) is None
        file.write_bytes(encoded)
        shown = pictures.get("gasket", "r0001", 0)
    assert shown is not None
    assert np.array_equal(shown, picture(1))
