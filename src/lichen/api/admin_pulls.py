"""`POST /models/pull`: a model that lies elsewhere becomes a version."""

import msgspec

from lichen.api.admin_models import checked_unsafe
from lichen.api.admin_routes import Plane, Question, Route
from lichen.api.admin_views import job_view
from lichen.core.errors import InvalidInput
from lichen.core.ids import checked_name
from lichen.fetching.sources import check_source, name_of
from lichen.protocol.admin import Job, JobKind, PullSpec
from lichen.security.policy import Action, Kind


def pull_model(plane: Plane, question: Question) -> Job:
    """Accept a source; the job fetches it under the platform's settings."""
    asked = question.body
    if not isinstance(asked, PullSpec):
        raise InvalidInput('the body is missing: send {"source": "hf://org/name"}')
    check_source(asked.source)
    checked_unsafe(question.principal, is_asked=asked.allow_unsafe)
    name = checked_name(asked.name or name_of(asked.source), "model")
    spec = msgspec.to_builtins(msgspec.structs.replace(asked, name=name))
    job, _ = plane.submissions.submit(question.sender, JobKind.PULL, spec)
    return job_view(job)


ROUTES = (
    Route(
        "POST",
        "/models/pull",
        "Fetch a model from `https:`, `s3:`, `hf:`, `oci:` or the server's `file:`, and import it",
        Kind.MODEL,
        Action.CHANGE,
        pull_model,
        answer=Job,
        body=PullSpec,
        status=202,
    ),
)
