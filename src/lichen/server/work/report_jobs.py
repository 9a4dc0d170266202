"""Jobs of kind `report`: a report of a span, made once, metered, and kept as a file."""

import msgspec

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.reports.report import Question
from lichen.carbon.reports.writing import written
from lichen.control.deeds import Levers
from lichen.control.reporting import Reporting
from lichen.core.ids import TenantId
from lichen.protocol.reports import ReportResult, ReportSpec
from lichen.server.declarations import declarations
from lichen.server.keepers.ledger_books import ledger_books
from lichen.server.work.workbench import Workbench


def make_report(bench: Workbench) -> None:
    """Make it as of the last sealed entry, and keep its bytes."""
    spec = msgspec.convert(bench.job.spec, ReportSpec)
    bench.watch.tell("reporting")
    ledger = LedgerReader(ledger_books(bench.settings))
    reporting = Reporting(
        ledger,
        Levers(bench.documents, bench.jobs, ledger),
        bench.catalog(),
        bench.jobs,
        declarations(bench.settings.reports),
    )
    asked = Question(
        standard=spec.standard, since=spec.since, until=spec.until, deployment=spec.deployment
    )
    tenant = None if spec.is_whole else TenantId(bench.job.tenant)
    made = reporting.made(asked, spec.model, tenant)
    content = written(made, spec.form)
    result = ReportResult(
        standard=spec.standard,
        as_of=made.as_of,
        ledger_digest=made.ledger_digest,
        output=bench.blobs.put(content),
        output_bytes=len(content),
        filename=_filename(spec),
        media_type=spec.form.media_type,
    )
    bench.complete(msgspec.to_builtins(result))


def _filename(spec: ReportSpec) -> str:
    """Such as `ghg-2026-10-01.html`: the standard, and where its span begins or what it is of."""
    begins = None if spec.since is None else f"{spec.since:%Y-%m-%d}"
    of = begins or (spec.model or "all").replace("@", "-")
    return f"{spec.standard}-{of}.{spec.form}"
