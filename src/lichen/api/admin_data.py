"""`/datasets`: files become immutable versions."""

from bisect import bisect_right

import msgspec

from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Route, Upload
from lichen.api.admin_uploads import discard
from lichen.api.admin_views import dataset_view, job_view
from lichen.core.errors import InvalidInput
from lichen.core.ids import checked_name
from lichen.protocol.admin import (
    DataOptions,
    Dataset,
    DatasetRows,
    DataSpec,
    FileSpec,
    Job,
    JobKind,
    JsonObject,
    Page,
)
from lichen.protocol.scheduling import ScheduleRequest
from lichen.security.policy import Action, Kind

ROWS, MOST_ROWS = 48, 10_000
"""Newest rows of each series when nothing is said, and at most."""

_FILE = (
    Parameter("filename", "The file's name; its ending says what it is.", required=True),
    Parameter("timezone", "Zone of times that carry no offset; UTC unless said."),
    Parameter("options", "What is known about the file, as JSON of DataOptions."),
)


def ingest(plane: Plane, question: Question) -> Job:
    """Accept a file as a new version of a dataset."""
    name = checked_name(question.required("name"), "dataset")
    return _accepted(plane, question, JobKind.INGEST, name)


def append(plane: Plane, question: Question) -> Job:
    """Accept a file whose rows are added to a dataset."""
    name = plane.datasets.get(question.path["name"]).name
    return _accepted(plane, question, JobKind.APPEND, name)


def index(plane: Plane, question: Question) -> Page[Dataset]:
    """The newest version of every dataset, by name."""
    names = plane.datasets.names()
    start = bisect_right(names, question.cursor)
    shown = names[start : start + question.limit]
    return Page(
        items=[dataset_view(plane.datasets.get(name)) for name in shown],
        next=shown[-1] if start + question.limit < len(names) else None,
    )


def show(plane: Plane, question: Question) -> Dataset:
    """One version of a dataset."""
    version = question.whole_number("version")
    return dataset_view(plane.datasets.get(question.path["name"], version))


def newest(plane: Plane, question: Question) -> DatasetRows:
    """The newest rows of a dataset."""
    name = plane.datasets.get(question.path["name"]).name
    return plane.newest_rows(name, min(question.whole_number("rows") or ROWS, MOST_ROWS))


def submit_file(
    plane: Plane,
    question: Question,
    kind: JobKind,
    spec: JsonObject,
    upload: Upload,
    schedule: ScheduleRequest | None = None,
) -> Job:
    """Accept a job that begins with an upload; a repetition's upload is not kept."""
    anonymous = {**spec, "file": {"sha256": upload.sha256}}
    fingerprint = msgspec.json.encode(anonymous, order="deterministic")
    job, fresh = plane.submissions.submit(question.sender, kind, spec, fingerprint, schedule)
    if not fresh:
        discard(plane, upload)
    return job_view(job)


def received(question: Question) -> Upload:
    """The request's upload."""
    if question.upload is None:
        raise InvalidInput("the request has no body: send the file's bytes as its body")
    return question.upload


def _accepted(plane: Plane, question: Question, kind: JobKind, name: str) -> Job:
    upload = received(question)
    file = FileSpec(upload=upload.name, filename=question.required("filename"))
    spec = DataSpec(name=name, file=file, options=_options(question))
    return submit_file(plane, question, kind, msgspec.to_builtins(spec), upload)


def _options(question: Question) -> DataOptions:
    try:
        options = msgspec.json.decode(question.query.get("options", "{}"), type=DataOptions)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the query parameter 'options' is not usable: {error}") from error
    timezone = question.query.get("timezone")
    return msgspec.structs.replace(options, timezone=timezone) if timezone else options


ROUTES = (
    Route(
        "POST",
        "/datasets",
        "Upload a file as a new version of a dataset",
        Kind.DATASET,
        Action.CHANGE,
        ingest,
        answer=Job,
        query=(Parameter("name", "Name of the dataset.", required=True), *_FILE),
        status=202,
        takes_file=True,
    ),
    Route(
        "POST",
        "/datasets/{name}/rows",
        "Add a file's rows to a dataset, as a new version",
        Kind.DATASET,
        Action.CHANGE,
        append,
        answer=Job,
        query=_FILE,
        status=202,
        takes_file=True,
    ),
    Route(
        "GET",
        "/datasets",
        "Datasets, the newest version of each",
        Kind.DATASET,
        Action.READ,
        index,
        answer=Page[Dataset],
        query=PAGE,
    ),
    Route(
        "GET",
        "/datasets/{name}",
        "One dataset",
        Kind.DATASET,
        Action.READ,
        show,
        answer=Dataset,
        query=(Parameter("version", "Its newest unless said.", kind="integer"),),
    ),
    Route(
        "GET",
        "/datasets/{name}/newest",
        "The newest rows of a dataset",
        Kind.DATASET,
        Action.READ,
        newest,
        answer=DatasetRows,
        query=(Parameter("rows", f"Rows of each series, at most {MOST_ROWS}.", kind="integer"),),
    ),
)
