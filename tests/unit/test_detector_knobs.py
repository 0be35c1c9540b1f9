"""Detectors on the command line: knobs in, facts out."""

import pytest

from goldenpart.client import Detector
from goldenpart.client.cli.knobs import knobs


def test_detectors_are_named_in_either_case_and_in_lists() -> None:
    read = knobs(["detector=ensemble", "ensemble-detectors=gaussian, BANK", "subspace_variance=0.95", "autoencoder_steps=30"])
    assert read == {
        "detector": Detector.ENSEMBLE,
        "ensemble_detectors": (Detector.GAUSSIAN, Detector.BANK),
        "subspace_variance": 0.95,
        "autoencoder_steps": 30,
    }


@pytest.mark.parametrize("setting", ["detector=padim", "ensemble_detectors=bank,padim"])
def test_an_unknown_detector_is_refused_with_those_there_are(setting: str) -> None:
    with pytest.raises(ValueError, match="'padim' is none of bank, gaussian, subspace, autoencoder, ensemble"):
        knobs([setting])
