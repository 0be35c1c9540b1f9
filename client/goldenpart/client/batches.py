"""Dividing frames into calls."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")


def batches(items: Iterable[_Item], size: Callable[[_Item], int], *, most_items: int, most_bytes: int) -> Iterator[tuple[_Item, ...]]:
    """Yield the items in order, in groups that a call can hold.

    Args:
        items: What to divide; consumed as groups are asked for.
        size: Bytes of an item.
        most_items: Items in a group, >= 1.
        most_bytes: Bytes in a group. An item beyond this gets a group of its own.
    """
    group: list[_Item] = []
    group_bytes = 0
    for item in items:
        item_bytes = size(item)
        if group and (len(group) >= most_items or group_bytes + item_bytes > most_bytes):
            yield tuple(group)
            group, group_bytes = [], 0
        group.append(item)
        group_bytes += item_bytes
    if group:
        yield tuple(group)
