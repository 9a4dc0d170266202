"""`/zones/{zone}/outlook` and `/zones/{zone}/history`: what is to come, and what was."""

from lichen.api.admin_routes import Parameter, Plane, Question, Route
from lichen.api.admin_uploads import discard
from lichen.core.errors import InvalidInput
from lichen.protocol.outlook import HistorySeeded, ZoneOutlook
from lichen.security.policy import Action, Kind

PARQUET = ".parquet"


def outlook(plane: Plane, question: Question) -> ZoneOutlook:
    """What is expected of a zone over the next hours."""
    return plane.outlooks.answer(question.path["zone"], question.query)


def seed(plane: Plane, question: Question) -> HistorySeeded:
    """Take the file as history; nothing of the upload is left, whatever comes of it."""
    filename = question.query.get("filename", "the file")
    if question.upload is None:
        raise InvalidInput("there is no file in this request: send one as its body")
    path = plane.uploads / question.upload.name
    named = path.with_suffix(PARQUET) if filename.lower().endswith(PARQUET) else path
    try:
        path.rename(named)
        zone, column = question.path["zone"], question.query.get("column")
        return plane.outlooks.seed(zone, named, column, filename)
    except InvalidInput as refusal:
        said = str(refusal).replace(str(named), filename)
        raise InvalidInput(said.replace(named.name, filename)) from refusal
    finally:
        named.unlink(missing_ok=True)
        discard(plane, question.upload)


ROUTES = (
    Route(
        "GET",
        "/zones/{zone}/outlook",
        "What is expected of a zone's intensity, hour by hour with quantiles",
        Kind.PLATFORM,
        Action.READ,
        outlook,
        answer=ZoneOutlook,
        query=(
            Parameter("hours", "How far, 1 to 96; 48 when left out.", kind="integer"),
            Parameter("start", "From this hour on, RFC 3339; now when left out."),
        ),
    ),
    Route(
        "PUT",
        "/zones/{zone}/history",
        "Take a CSV or Parquet file of intensities as a zone's history",
        Kind.PLATFORM,
        Action.CHANGE,
        seed,
        answer=HistorySeeded,
        query=(
            Parameter("filename", "The file's name; `.parquet` says what it is."),
            Parameter("column", "The column of gCO2e/kWh; the second when left out."),
        ),
        takes_file=True,
    ),
)
