"""The name of a category: also a folder's name and a part of routing keys, hence the narrow alphabet."""

from __future__ import annotations

import re

from goldenpart.server.errors import CategoryNameError

_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_category_name(name: str) -> bool:
    """Tell whether `name` is one a category may have."""
    return _PATTERN.fullmatch(name) is not None


def check_category_name(name: str) -> None:
    """Refuse a name that no category may have.

    Raises:
        CategoryNameError: `name` does not match ``[a-z0-9][a-z0-9_-]{0,62}``.
    """
    if not is_category_name(name):
        shown = name if len(name) <= 80 else name[:80] + "..."
        raise CategoryNameError(
            f"The category name {shown!r} has {len(name)} characters; a name has 1 to 63, of a-z, 0-9, _ and -, "
            "and starts with a letter or digit.",
            field="category",
            category=shown,
        )
