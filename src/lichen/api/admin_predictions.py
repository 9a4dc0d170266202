"""`/deployments/{name}/predictions`: a file whose every row a job answers."""

import msgspec

from lichen.api.admin_data import received, submit_file
from lichen.api.admin_routes import Parameter, Plane, Question, Route, Upload
from lichen.core.errors import InvalidInput
from lichen.core.ids import checked_name
from lichen.data.forms import PARQUET_MARK, check_start, form_of
from lichen.protocol.admin import FileSpec, Job, JobKind, JsonObject
from lichen.protocol.predicting import MOST_BATCH_ROWS, PredictSpec
from lichen.protocol.scheduling import ScheduleRequest
from lichen.security.policy import Action, Kind
from lichen.store.failures import storage_failures


def predict_file(plane: Plane, question: Question) -> Job:
    """Accept a file as the input of a batch job."""
    upload, filename = received(question), question.required("filename")
    check_content(plane, upload, filename)
    spec = prediction_of(
        {
            "deployment": question.path["name"],
            "file": FileSpec(upload=upload.name, filename=filename),
            "size_bytes": upload.size,
            "batch_rows": question.whole_number("batch_rows"),
            "on_error": question.query.get("on_error", "fail"),
        }
    )
    told = checked_prediction(plane, question, spec)
    return submit_file(plane, question, JobKind.PREDICT, told, upload, stated_schedule(question))


def checked_prediction(plane: Plane, question: Question, spec: PredictSpec) -> JsonObject:
    """The spec as it is kept, if its deployment is there and the caller may ask it.

    Raises:
        NotFound: there is no such deployment or dataset.
        Forbidden: it is not the caller's to ask.
        InvalidInput: the rows are not said, or said twice.
    """
    found = plane.deployments.get(checked_name(spec.deployment, "deployment"))
    plane.gate.admit(question.principal, Action.PREDICT, Kind.DEPLOYMENT, found.desired.tenant)
    if spec.batch_rows is not None and not 1 <= spec.batch_rows <= MOST_BATCH_ROWS:
        raise InvalidInput(f"batch_rows is {spec.batch_rows}: give 1 to {MOST_BATCH_ROWS}")
    spec = msgspec.structs.replace(spec, owner=found.desired.tenant)
    has_file = spec.file is not None or spec.kept is not None
    if has_file and spec.data is not None:
        raise InvalidInput("the rows are a file's or a dataset's: leave one of them out")
    if spec.start is not None and (has_file or spec.data):
        raise InvalidInput("`start` is for forecasts from a dataset's newest rows: leave it out")
    if spec.data is not None:
        rows = plane.datasets.get(spec.data, spec.data_version)
        size = plane.stored(rows.parquet_digest).stat().st_size
        spec = msgspec.structs.replace(spec, size_bytes=size)
    elif not has_file:
        plane.newest_input(found.desired.reference, {})
    told: JsonObject = msgspec.to_builtins(spec)
    return told


def read_spec(told: JsonObject) -> PredictSpec:
    """The spec that a request without a file states.

    Raises:
        InvalidInput: it is not usable.
    """
    if "batch" in told:
        raise InvalidInput("a batch's requests come to /v1/batches of the data plane")
    if "file" in told or "kept" in told:
        raise InvalidInput(
            "a file comes to /deployments/NAME/predictions, or to /deployments/NAME/schedules, as "
            "the request's body"
        )
    own = sorted({"size_bytes", "owner"} & set(told))
    if own:
        raise InvalidInput(f"the platform finds out itself what is stated: leave {own[0]} out")
    return prediction_of(told)


def prediction_of(told: JsonObject) -> PredictSpec:
    """The spec of these fields.

    Raises:
        InvalidInput: it is not usable.
    """
    unknown = set(told) - set(PredictSpec.__struct_fields__)
    if unknown:
        raise InvalidInput(f"a prediction has no field {', '.join(sorted(unknown))}: leave it out")
    try:
        return msgspec.convert(msgspec.to_builtins(told), PredictSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the prediction is not usable as asked: {error}") from error


def check_content(plane: Plane, upload: Upload, filename: str) -> None:
    """What is no table at all is refused now, and not hours later.

    Raises:
        InvalidInput: neither its name nor its first bytes are those of a table.
    """
    form_of(filename)
    path = plane.uploads / upload.name
    with storage_failures(path), path.open("rb") as file:
        check_start(filename, file.read(len(PARQUET_MARK)))


def stated_schedule(question: Question) -> ScheduleRequest | None:
    """When the job may run, as the query says; None where it does not.

    Raises:
        InvalidInput: it is not usable.
    """
    said = question.query.get("schedule")
    if said is None:
        return None
    try:
        return msgspec.json.decode(said, type=ScheduleRequest)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the query parameter 'schedule' is not usable: {error}") from error


ROUTES = (
    Route(
        "POST",
        "/deployments/{name}/predictions",
        "Upload a table, CSV or Parquet, whose every row is answered by a job",
        Kind.JOB,
        Action.CHANGE,
        predict_file,
        answer=Job,
        query=(
            Parameter("filename", "The file's name; its ending says what it is.", required=True),
            Parameter("on_error", "`fail` at a row without an answer, or `skip` it. [fail]"),
            Parameter(
                "batch_rows", "Rows computed at once. [those that cost least]", kind="integer"
            ),
            Parameter("schedule", "When it may run, as JSON of ScheduleRequest. [at once]"),
        ),
        status=202,
        takes_file=True,
    ),
)
