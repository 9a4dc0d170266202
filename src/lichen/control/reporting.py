"""Reports over the books of this platform: what the ledger, the registry and the levers say."""

from dataclasses import dataclass, replace
from datetime import datetime

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.tenant_books import TenantBooks
from lichen.carbon.reports.declarations import Declarations
from lichen.carbon.reports.figures import Report
from lichen.carbon.reports.model_facts import ModelFacts
from lichen.carbon.reports.report import Question, check_question, report
from lichen.carbon.reports.savings import Saving
from lichen.control.deeds import Levers
from lichen.control.jobs import Jobs
from lichen.core.errors import NotFound
from lichen.core.ids import ModelReference, TenantId
from lichen.core.tensors import TensorSpec
from lichen.protocol.reports import Standard
from lichen.registry.card import emissions_metadata
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Reporting:
    """Makes reports; the same question as of one entry gets the same answer for ever."""

    ledger: LedgerReader
    levers: Levers
    catalog: Catalog
    jobs: Jobs
    declarations: Declarations

    def made(
        self, question: Question, model: str | None = None, tenant: TenantId | None = None
    ) -> Report:
        """The report; without `as_of` as of the last sealed entry, settled once.

        Args:
            question: what is asked for, the model aside.
            model: `NAME@V` or `NAME@ALIAS`, for reports of a model.
            tenant: whose names alone may be seen; None: everybody's.

        Raises:
            InvalidInput: the question does not fit the standard.
            NotFound: nothing was booked in the span, or no such entry, deployment or model.
        """
        asked = replace(
            question,
            as_of=question.as_of or self.ledger.head()[0] or None,
            model=None if model is None else self._facts(model),
        )
        books = self.ledger if tenant is None else TenantBooks(self.ledger, tenant)
        return report(books, asked, self.declarations, self._savings(asked, tenant))

    def check(self, question: Question, model: str | None = None) -> None:
        """Pass what a report could be made of, whatever is booked.

        Raises:
            InvalidInput: the question does not fit the standard.
            NotFound: there is no such model.
        """
        check_question(replace(question, model=None if model is None else self._facts(model)))

    def _savings(self, asked: Question, tenant: TenantId | None) -> tuple[Saving, ...]:
        """What levers saved, for the reports that have a place for it."""
        is_empty = asked.since and asked.until and asked.since >= asked.until
        if is_empty or asked.standard not in (Standard.SCI, Standard.GHG):
            return ()
        return self.levers.saved((asked.since, asked.until), asked.as_of, tenant=tenant)[1]

    def _facts(self, reference: str) -> ModelFacts:
        manifest = self.catalog.resolve(ModelReference.parse(reference))
        started, finished = self._times(manifest.job_id)
        return ModelFacts(
            model=manifest.model,
            version=manifest.version,
            created_at=manifest.created_at,
            task=manifest.task,
            algorithm=manifest.algorithm,
            code_version=manifest.code_version,
            parameters=manifest.parameters,
            inputs=_tensors(manifest.signature.inputs),
            outputs=_tensors(manifest.signature.outputs),
            dataset=_dataset(manifest),
            receipt=manifest.receipt,
            hardware=manifest.hardware,
            origin=manifest.origin,
            job_id=manifest.job_id,
            started_at=started,
            finished_at=finished,
            metadata=emissions_metadata(manifest),
        )

    def _times(self, job_id: str | None) -> tuple[datetime | None, datetime | None]:
        if job_id is None:
            return None, None
        try:
            job = self.jobs.get(job_id)
        except NotFound:  # a version that was imported names the job of another platform
            return None, None
        return job.started_at, job.finished_at


def _dataset(manifest: Manifest) -> str | None:
    data = manifest.dataset
    return None if data is None else f"{data.name} version {data.version} (sha256 {data.digest})"


def _tensors(specs: tuple[TensorSpec, ...]) -> str:
    return "; ".join(
        f"{one.name} {one.datatype} {list(one.shape)}{f' in {one.unit}' if one.unit else ''}"
        for one in specs
    )
