"""The what-if as a page or a picture: one file with everything inside."""

from datetime import UTC, datetime
from pathlib import Path

import jinja2
from PIL import Image, ImageDraw, ImageFont

from goldenpart.client.revisions import Revision
from goldenpart.client.thresholds import WhatIf
from goldenpart.client.thresholds_plot import COST_PX, COST_TOP_PX, HEIGHT_PX, LEFT_PX, RATES_PX, RATES_TOP_PX, WIDTH_PX, threshold_plot

_TEMPLATE = Path(__file__).with_name("thresholds.html.j2")
_SCALE = 2  # pixels of the picture per pixel of the plot
_COLOURS = {"false rejects": (181, 123, 8), "escapes": (187, 58, 34), "cost": (31, 122, 92)}
_INK, _SOFT, _LINE = (28, 33, 38), (91, 102, 112), (223, 227, 231)


def write_what_if(path: Path, found: WhatIf, revision: Revision, *, now: datetime | None = None) -> Path:
    """Write the plot, as a self-contained HTML page or as a PNG picture by the path's suffix; its folder is made.

    Raises:
        ValueError: The suffix is neither .html nor .png.
        OSError: The file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in {".html", ".png"}:
        raise ValueError(f"{path} ends in {suffix or 'nothing'}; a plot is written as .html or .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        draw_picture(found).save(path, "PNG")
    else:
        path.write_text(render_page(found, revision, now or datetime.now(UTC)), encoding="utf-8")
    return path


def render_page(found: WhatIf, revision: Revision, now: datetime) -> str:
    """Return the page; it refers to nothing outside itself."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda rate: f"{100 * rate:.3g} %"
    layout = {"left": LEFT_PX, "right": WIDTH_PX - 24, "width": WIDTH_PX, "height": HEIGHT_PX}
    layout |= {"rates_bottom": RATES_TOP_PX + RATES_PX, "cost_top": COST_TOP_PX, "cost_bottom": COST_TOP_PX + COST_PX}
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return page.render(found=found, plot=threshold_plot(found), revision=revision, now=now, layout=layout)


def draw_picture(found: WhatIf) -> Image.Image:
    """Return the plot as an RGB picture of 1640 x 1000 pixels."""
    plot = threshold_plot(found)
    picture = Image.new("RGB", (WIDTH_PX * _SCALE, HEIGHT_PX * _SCALE), "white")
    draw = ImageDraw.Draw(picture, "RGBA")
    font = ImageFont.load_default(13 * _SCALE)
    bottom = (COST_TOP_PX + COST_PX if plot.cost else RATES_TOP_PX + RATES_PX) * _SCALE
    for tick in plot.x_ticks:
        draw.line([(tick.x * _SCALE, RATES_TOP_PX * _SCALE), (tick.x * _SCALE, bottom)], _LINE, _SCALE)
        draw.text((tick.x * _SCALE, bottom + 8 * _SCALE), tick.text, _SOFT, font, anchor="mt")
    for tick in (*plot.rate_ticks, *plot.cost_ticks):
        draw.text(((LEFT_PX - 8) * _SCALE, tick.x * _SCALE), tick.text, _SOFT, font, anchor="rm")
    for place, curve in enumerate((*plot.rates, *((plot.cost,) if plot.cost else ()))):
        colour = _COLOURS[curve.name]
        if curve.band:
            draw.polygon([(x * _SCALE, y * _SCALE) for x, y in curve.band], (*colour, 40))
        draw.line([(x * _SCALE, y * _SCALE) for x, y in curve.line], colour, 2 * _SCALE)
        draw.text(((LEFT_PX + 130 * place) * _SCALE, (HEIGHT_PX - 12) * _SCALE), curve.name, colour, font, anchor="lm")
    draw.text(((WIDTH_PX - 24) * _SCALE, (HEIGHT_PX - 12) * _SCALE), "threshold: a part fails above it", _SOFT, font, anchor="rm")
    _write_upward(picture, "share of parts", RATES_TOP_PX + RATES_PX / 2, font)
    if plot.cost:
        _write_upward(picture, "cost per part", COST_TOP_PX + COST_PX / 2, font)
    for mark in plot.marks:
        draw.line([(mark.x * _SCALE, RATES_TOP_PX * _SCALE), (mark.x * _SCALE, bottom)], _INK, _SCALE)
        draw.text((mark.x * _SCALE, 4 * _SCALE), mark.word, _INK, font, anchor="mt")
    return picture


def _write_upward(picture: Image.Image, title: str, middle_px: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    """Write the title of a vertical axis at the left border, its middle at a height of the plot."""
    letters = Image.new("RGB", (round(font.getlength(title)) + 2, 16 * _SCALE), "white")
    ImageDraw.Draw(letters).text((0, 0), title, _SOFT, font, anchor="lt")
    turned = letters.transpose(Image.Transpose.ROTATE_90)
    picture.paste(turned, (2 * _SCALE, round(middle_px * _SCALE - turned.height / 2)))
