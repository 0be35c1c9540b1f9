"""Reports about inspections whose truth is known: figures, and a page for people that needs nothing but itself."""

from goldenpart.client.report.page import write_report
from goldenpart.client.report.scores import InspectedPart, Label, Spread, auroc_of, confusion, image_auroc

__all__ = ["InspectedPart", "Label", "Spread", "auroc_of", "confusion", "image_auroc", "write_report"]
