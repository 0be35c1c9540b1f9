"""A simulated camera: pictures of a machined flange, good and damaged, to try Goldenpart without a line.

Needs numpy and Pillow only. Everything here is pure computation: safe to call from any thread as long as no two threads share a
generator or a camera. ``python -m goldenpart.client.parts --help`` writes a whole category to disk.
"""

from goldenpart.client.parts.camera import PartCamera, encode_jpeg, encode_png
from goldenpart.client.parts.category_folder import FolderPlan, write_category_folder
from goldenpart.client.parts.drawn_part import Defect, DrawnPart
from goldenpart.client.parts.flange import DEFAULT_SIZE_PX, draw_flange

__all__ = [
    "DEFAULT_SIZE_PX",
    "Defect",
    "DrawnPart",
    "FolderPlan",
    "PartCamera",
    "draw_flange",
    "encode_jpeg",
    "encode_png",
    "write_category_folder",
]
