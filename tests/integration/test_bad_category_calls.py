"""Calls on categories and revisions that nobody should make, over a real socket, and a server that goes on."""

from typing import Any

import grpc
import pytest
from bad_requests import CATEGORY, INVALID, SEED, STATE, Stubs, failure, says
from tiny_category import fit_category

from goldenpart.client import Client
from goldenpart.v1 import category_pb2

pytestmark = pytest.mark.usefixtures("server_goes_on")

pb = category_pb2
CATEGORY_CALLS: dict[str, tuple[str, Any, str, str, list[str]]] = {
    "get unknown": ("GetCategory", pb.GetCategoryRequest(category="nobody"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["nobody"]),
    "get ../x": ("GetCategory", pb.GetCategoryRequest(category="../x"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["../x"]),
    "delete ../x": ("DeleteCategory", pb.DeleteCategoryRequest(category="../x"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["../x"]),
    "delete nothing": ("DeleteCategory", pb.DeleteCategoryRequest(), "NOT_FOUND", "UNKNOWN_CATEGORY", ["''"]),
    "delete stale": ("DeleteCategory", pb.DeleteCategoryRequest(category=CATEGORY, etag="stale"), "ABORTED", "ETAG_MISMATCH", ["'stale'"]),
    "list of unknown": ("ListRevisions", pb.ListRevisionsRequest(category="nobody"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["nobody"]),
    "negative page": ("ListCategories", pb.ListCategoriesRequest(page_size=-1), INVALID, "INVALID_ARGUMENT", ["-1", "0"]),
    "foreign token": ("ListCategories", pb.ListCategoriesRequest(page_token="!"), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "no base64": ("ListCategories", pb.ListCategoriesRequest(page_token="YQ"), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "no name": ("ListCategories", pb.ListCategoriesRequest(page_token="Li4vLi4="), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "negative page of revisions": (
        "ListRevisions",
        pb.ListRevisionsRequest(category=CATEGORY, page_size=-7),
        INVALID,
        "INVALID_ARGUMENT",
        ["-7"],
    ),
    "unknown revision": (
        "GetRevision",
        pb.GetRevisionRequest(category=CATEGORY, revision="r9999"),
        "NOT_FOUND",
        "UNKNOWN_REVISION",
        ["r9999"],
    ),
    "climbing revision": ("GetRevision", pb.GetRevisionRequest(category=CATEGORY, revision="../.."), "NOT_FOUND", "UNKNOWN_REVISION", []),
    "delete the active one": (
        "DeleteRevision",
        pb.DeleteRevisionRequest(category=CATEGORY, revision="r0001"),
        STATE,
        "REVISION_ACTIVE",
        ["r0001", "activate another one"],
    ),
    "delete no revision": ("DeleteRevision", pb.DeleteRevisionRequest(category=CATEGORY), "NOT_FOUND", "UNKNOWN_REVISION", []),
    "activate nothing": ("ActivateRevision", pb.ActivateRevisionRequest(category=CATEGORY), INVALID, "INVALID_ARGUMENT", ["r0001"]),
    "activate unknown": (
        "ActivateRevision",
        pb.ActivateRevisionRequest(category=CATEGORY, revision="r9999"),
        "NOT_FOUND",
        "UNKNOWN_REVISION",
        ["r9999"],
    ),
    "activate stale": (
        "ActivateRevision",
        pb.ActivateRevisionRequest(category=CATEGORY, revision="r0001", etag="stale"),
        "ABORTED",
        "ETAG_MISMATCH",
        ["'stale'"],
    ),
}


@pytest.mark.parametrize("name", CATEGORY_CALLS)
def test_a_bad_category_call_is_refused(stubs: Stubs, name: str) -> None:
    method, request, code, reason, words = CATEGORY_CALLS[name]
    error = failure(lambda: getattr(stubs.categories, method)(request))
    assert (error.code.name, error.reason) == (code, reason)
    says(error.message, *words)


def test_a_token_of_another_list_is_refused(stubs: Stubs, client: Client) -> None:
    fit_category(client, CATEGORY + "-2", SEED)
    token = stubs.categories.ListCategories(pb.ListCategoriesRequest(page_size=1)).next_page_token
    assert token
    error = failure(lambda: stubs.categories.ListRevisions(pb.ListRevisionsRequest(category=CATEGORY, page_token=token)))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    client.delete_category(CATEGORY + "-2")
