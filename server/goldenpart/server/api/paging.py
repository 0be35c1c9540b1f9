"""Pages of a list (AIP-158)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from goldenpart.server.errors import InvalidArgumentError

Item = TypeVar("Item")

DEFAULT_SIZE, LARGEST_SIZE = 50, 1000


@dataclass(frozen=True, slots=True)
class Paging(Generic[Item]):
    """How a list is divided. A token names the item before its page, so that what comes and goes meanwhile does no harm.

    Attributes:
        scope: what is listed; a token of another list is refused.
        name: of an item, unique within the list.
        is_name: whether an item may be called so.
        order: of names; ascending.
    """

    scope: str
    name: Callable[[Item], str]
    is_name: Callable[[str], bool]
    order: Callable[[str], tuple[int, str]]

    def cut(self, items: Iterable[Item], size: int, token: str) -> tuple[list[Item], str]:
        """Return a page and the token of the next one, empty if there is none.

        Args:
            items: all of them, in any order.
            size: most items of a page; 0 means `DEFAULT_SIZE`, more than `LARGEST_SIZE` that.
            token: of the page; empty means the first.

        Raises:
            InvalidArgumentError: a negative size, or a token that this list did not give.
        """
        if size < 0:
            raise InvalidArgumentError(
                f"page_size is {size}; it must be 0 (the default of {DEFAULT_SIZE}) or more.", field="page_size", page_size=size
            )
        rest = sorted(items, key=self._place)
        if token:
            before = self.order(self._read_token(token))
            rest = [item for item in rest if self._place(item) > before]
        page = rest[: min(size or DEFAULT_SIZE, LARGEST_SIZE)]
        return page, self._write_token(page[-1]) if len(page) < len(rest) else ""

    def _place(self, item: Item) -> tuple[int, str]:
        return self.order(self.name(item))

    def _write_token(self, item: Item) -> str:
        return base64.urlsafe_b64encode(f"{self.scope}/{self.name(item)}".encode()).decode()

    def _read_token(self, token: str) -> str:
        try:
            scope, _, name = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode().rpartition("/")
        except ValueError:  # of base64 or of UTF-8
            scope = name = ""
        if scope != self.scope or not self.is_name(name):
            raise InvalidArgumentError("page_token is not one that this list gave; start without one.", field="page_token")
        return name
