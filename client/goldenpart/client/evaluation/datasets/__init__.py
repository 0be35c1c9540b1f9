"""Labelled images on disk in the layouts of public datasets."""

from goldenpart.client.evaluation.datasets.detection import open_dataset
from goldenpart.client.evaluation.datasets.labelled import GOOD, LabelledCategory, LabelledImage
from goldenpart.client.evaluation.datasets.masks import read_mask

__all__ = ["GOOD", "LabelledCategory", "LabelledImage", "open_dataset", "read_mask"]
