"""CategoryService."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, cast

import grpc.aio

from goldenpart.server.api.conversions import category_to_pb, revision_to_pb
from goldenpart.server.api.gate import gate_to_pb
from goldenpart.server.api.paging import Paging
from goldenpart.server.errors import ArchiveError, GoldenpartError, InvalidArgumentError, UnknownCategoryError
from goldenpart.server.registry.category_name import is_category_name
from goldenpart.server.registry.manifest import is_revision_name
from goldenpart.server.registry.store import CategoryRecord, RevisionSummary, Store
from goldenpart.server.runtime.gate import RegressionGate
from goldenpart.server.runtime.loaded import LoadedRevisions
from goldenpart.v1 import category_pb2 as pb
from goldenpart.v1 import category_pb2_grpc

_CATEGORY_PAGES: Paging[CategoryRecord] = Paging("categories", lambda record: record.category, is_category_name, lambda name: (0, name))
_IN_MEMORY_BYTES = 8 * 1024 * 1024


class CategoryServicer(category_pb2_grpc.CategoryServiceServicer):
    """Keeps categories and their revisions. Disk work runs on threads.

    Args:
        store: where they are kept.
        revisions: loaded revisions, which follow the store.
        gate: compares revisions before one is activated.
        max_archive_bytes: largest file ImportRevision takes.
    """

    def __init__(self, store: Store, revisions: LoadedRevisions, gate: RegressionGate, max_archive_bytes: int) -> None:
        self._store = store
        self._revisions = revisions
        self._gate = gate
        self._max_archive_bytes = max_archive_bytes

    async def GetCategory(  # noqa: N802 - gRPC's name
        self, request: pb.GetCategoryRequest, context: object
    ) -> pb.GetCategoryResponse:
        """Get one category."""
        del context
        record = await asyncio.to_thread(self._store.category, request.category)
        return pb.GetCategoryResponse(category=category_to_pb(record))

    async def ListCategories(  # noqa: N802 - gRPC's name
        self, request: pb.ListCategoriesRequest, context: object
    ) -> pb.ListCategoriesResponse:
        """List categories by name."""
        del context
        records = await asyncio.to_thread(self._store.categories)
        page, token = _CATEGORY_PAGES.cut(records, request.page_size, request.page_token)
        return pb.ListCategoriesResponse(categories=[category_to_pb(record) for record in page], next_page_token=token)

    async def DeleteCategory(  # noqa: N802 - gRPC's name
        self, request: pb.DeleteCategoryRequest, context: object
    ) -> pb.DeleteCategoryResponse:
        """Delete a category."""
        del context
        await asyncio.to_thread(self._store.delete_category, request.category, request.etag)
        self._revisions.forget(request.category)
        return pb.DeleteCategoryResponse()

    async def GetRevision(  # noqa: N802 - gRPC's name
        self, request: pb.GetRevisionRequest, context: object
    ) -> pb.GetRevisionResponse:
        """Get one revision, verified in full."""
        del context
        summary = await asyncio.to_thread(self._verified, request.category, request.revision)
        return pb.GetRevisionResponse(revision=self._to_pb(summary))

    async def ListRevisions(  # noqa: N802 - gRPC's name
        self, request: pb.ListRevisionsRequest, context: object
    ) -> pb.ListRevisionsResponse:
        """List a category's revisions, newest first."""
        del context
        summaries = await asyncio.to_thread(self._store.revisions, request.category)
        page, token = _revision_pages(request.category).cut(summaries, request.page_size, request.page_token)
        active = active_or_none(self._store, request.category)
        return pb.ListRevisionsResponse(
            revisions=[revision_to_pb(summary, active, with_scores=False) for summary in page], next_page_token=token
        )

    async def DeleteRevision(  # noqa: N802 - gRPC's name
        self, request: pb.DeleteRevisionRequest, context: object
    ) -> pb.DeleteRevisionResponse:
        """Delete a revision that is not active."""
        del context
        await asyncio.to_thread(self._store.delete_revision, request.category, request.revision)
        self._revisions.forget(request.category, request.revision)
        return pb.DeleteRevisionResponse()

    async def ActivateRevision(  # noqa: N802 - gRPC's name
        self, request: pb.ActivateRevisionRequest, context: object
    ) -> pb.ActivateRevisionResponse:
        """Switch to a revision once it is loaded, so that no frame waits for it and none that cannot be loaded gets active."""
        del context
        if not request.revision:
            raise InvalidArgumentError("revision is empty; name the one to activate, for example r0001.", field="revision")
        await self._revisions.get(request.category, request.revision)
        etag = request.etag
        if request.gate:
            etag = etag or self._store.etag(request.category)  # what is compared with must still judge when the switch is made
            await self._gate.check(request.category, request.revision, request.added_false_rejects_allowed)
        record, previous = await asyncio.to_thread(
            self._store.activate, request.category, request.revision, etag, override_gate=request.override_gate
        )
        said = (await asyncio.to_thread(self._store.revision, request.category, request.revision)).gate
        return pb.ActivateRevisionResponse(
            category=category_to_pb(record), previous_revision=previous, gate=gate_to_pb(said) if said else None
        )

    async def ExportRevision(  # noqa: N802 - gRPC's name
        self, request: pb.ExportRevisionRequest, context: object
    ) -> AsyncIterator[pb.ExportRevisionResponse]:
        """Send a revision as a tar file."""
        del context
        chunks = await asyncio.to_thread(self._store.export, request.category, request.revision)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield pb.ExportRevisionResponse(chunk=chunk)

    async def ImportRevision(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.ImportRevisionRequest],
        context: grpc.aio.ServicerContext[pb.ImportRevisionRequest, pb.ImportRevisionResponse],
    ) -> pb.ImportRevisionResponse:
        """Take a tar file, verify it, add its revision."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of ImportRevision must be its config.", field="config")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            await self._receive(request_iterator, file)
            made = await asyncio.to_thread(
                self._store.import_archive,
                cast("BinaryIO", file),  # typeshed does not know that it is one
                category=first.config.category,
                activate=False,
                etag=first.config.etag,
            )
        if not first.config.stage_only:
            await self._activate_imported(made, first.config.etag)
        return pb.ImportRevisionResponse(revision=self._to_pb(made))

    async def _receive(self, requests: AsyncIterator[pb.ImportRevisionRequest], file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        async for request in requests:
            if request.WhichOneof("payload") != "chunk":
                raise InvalidArgumentError("After the config every message of ImportRevision must be a chunk.", field="chunk")
            await asyncio.to_thread(file.write, request.chunk)
            if file.tell() > self._max_archive_bytes:
                raise ArchiveError(f"The file is larger than {self._max_archive_bytes} bytes, the limit of this server.")
        file.seek(0)

    async def _activate_imported(self, made: RevisionSummary, etag: str) -> None:
        """Switch to an imported revision once it is loaded: a file from a server with other weights must not stop a line."""
        try:
            await self._revisions.get(made.category, made.revision)
            await asyncio.to_thread(self._store.activate, made.category, made.revision, etag)
        except GoldenpartError as error:
            error.message += f" The file was imported as {made.category} {made.revision}, which stays staged."
            raise

    def _verified(self, category: str, revision: str) -> RevisionSummary:
        summary = self._store.revision(category, revision)
        self._store.read(category, summary.revision)
        return summary

    def _to_pb(self, summary: RevisionSummary) -> pb.Revision:
        return revision_to_pb(summary, active_or_none(self._store, summary.category))


def active_or_none(store: Store, category: str) -> str:
    """Return a category's active revision; empty if there is none, or the category is gone by now. Never blocks."""
    try:
        return store.active_revision(category)
    except UnknownCategoryError:
        return ""


def _revision_pages(category: str) -> Paging[RevisionSummary]:
    """Newest first: r10000 comes before r9999."""
    return Paging(f"revisions/{category}", lambda summary: summary.revision, is_revision_name, lambda name: (-int(name[1:]), name))
