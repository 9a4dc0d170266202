"""`/deployments/{name}/schedules`: a file whose rows are answered again and again."""

from lichen.api.admin_data import received
from lichen.api.admin_predictions import (
    check_content,
    checked_prediction,
    prediction_of,
    stated_schedule,
)
from lichen.api.admin_routes import Parameter, Plane, Question, Route
from lichen.api.admin_schedules import keep_schedule
from lichen.api.admin_uploads import discard
from lichen.protocol.admin import JobKind, JobRequest
from lichen.protocol.predicting import KeptFile
from lichen.protocol.recurring import NewRecurringSchedule, RecurringSchedule
from lichen.security.policy import Action, Kind


def predict_regularly(plane: Plane, question: Question) -> RecurringSchedule:
    """Keep a file, and let the deployment answer its rows whenever that is due."""
    upload, filename = received(question), question.required("filename")
    check_content(plane, upload, filename)
    asked = {
        "deployment": question.path["name"],
        "kept": KeptFile(sha256=upload.sha256, filename=filename),
        "size_bytes": upload.size,
        "batch_rows": question.whole_number("batch_rows"),
        "on_error": question.query.get("on_error", "fail"),
    }
    spec = checked_prediction(plane, question, prediction_of(asked))
    schedule = stated_schedule(question)
    request = NewRecurringSchedule(
        name=question.required("name"),
        every=question.required("every"),
        timezone=question.query.get("timezone", "UTC"),
        job=JobRequest(kind=JobKind.PREDICT, spec=spec, schedule=schedule),
    )
    plane.keep_file(plane.uploads / upload.name)
    made = keep_schedule(plane, question, request, spec)
    discard(plane, upload)
    return made


ROUTES = (
    Route(
        "POST",
        "/deployments/{name}/schedules",
        "Upload a table whose every row is answered again and again, whenever that is due",
        Kind.JOB,
        Action.CHANGE,
        predict_regularly,
        answer=RecurringSchedule,
        query=(
            Parameter("filename", "The file's name; its ending says what it is.", required=True),
            Parameter("name", "Of the schedule; it must be new.", required=True),
            Parameter("every", "hour, day, week, month, or a cron expression.", required=True),
            Parameter("timezone", "By whose clocks it is due. [UTC]"),
            Parameter("on_error", "`fail` at a row without an answer, or `skip` it. [fail]"),
            Parameter(
                "batch_rows", "Rows computed at once. [those that cost least]", kind="integer"
            ),
            Parameter("schedule", "When each run may be, as JSON of ScheduleRequest."),
        ),
        status=201,
        takes_file=True,
    ),
)
