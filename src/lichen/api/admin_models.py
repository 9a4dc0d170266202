"""`/models`: the registry."""

import msgspec

from lichen.api.admin_data import received, submit_file
from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Raw, Route
from lichen.api.admin_views import model_view, version_view
from lichen.core.errors import Forbidden, InvalidInput
from lichen.core.ids import ModelReference, checked_name
from lichen.protocol.admin import (
    Alias,
    FileSpec,
    ImportSpec,
    Job,
    JobKind,
    Model,
    ModelVersion,
    Page,
    Verification,
)
from lichen.protocol.exports import EXPORT_FORMATS, LICHEN
from lichen.registry.archive import pack
from lichen.registry.card import model_card
from lichen.registry.exporting.forms import exported
from lichen.registry.manifest import Manifest
from lichen.security.identity import Principal, Role
from lichen.security.policy import Action, Kind

_VERSION = "/models/{name}/versions/{version}"


def index(plane: Plane, question: Question) -> Page[Model]:
    """Models by name."""
    found = plane.catalog.models(question.cursor, question.limit)
    return Page(
        items=[model_view(entry) for entry in found],
        next=found[-1].name if len(found) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> Model:
    """One model."""
    return model_view(plane.catalog.model(question.path["name"]))


def versions(plane: Plane, question: Question) -> Page[ModelVersion]:
    """A model's versions, oldest first."""
    entry = plane.catalog.model(question.path["name"])
    after = question.whole_number("cursor") or 0
    found = plane.catalog.versions(entry.name, after, question.limit)
    return Page(
        items=[version_view(manifest, entry) for manifest in found],
        next=str(found[-1].version) if len(found) == question.limit else None,
    )


def version(plane: Plane, question: Question) -> ModelVersion:
    """One version, by number or alias."""
    manifest = _resolved(plane, question)
    return version_view(manifest, plane.catalog.model(manifest.model))


def card(plane: Plane, question: Question) -> Raw:
    """The model card."""
    return Raw(model_card(_resolved(plane, question)).encode(), "text/markdown; charset=utf-8")


def verify(plane: Plane, question: Question) -> Verification:
    """Whether the stored bytes are what the manifest states."""
    found = plane.catalog.verify(_resolved(plane, question))
    return Verification(sound=not found, findings=[f"{one.file} {one.problem}" for one in found])


def export(plane: Plane, question: Question) -> Raw:
    """The version's files, its manifest and its card, or another form of it, as one tar."""
    manifest = _resolved(plane, question)
    form = question.query.get("format") or LICHEN
    packed = pack(exported(form, manifest, plane.catalog.contents(manifest)))
    return Raw(packed, "application/x-tar", f"{manifest.model}-{manifest.version}.tar")


def set_alias(plane: Plane, question: Question) -> Model:
    """Let an alias point at a version."""
    wanted = question.body
    if not isinstance(wanted, Alias):
        raise InvalidInput('the body is missing: send {"version": N}')
    name, alias = question.path["name"], question.path["alias"]
    return model_view(plane.catalog.set_alias(name, alias, wanted.version))


def import_model(plane: Plane, question: Question) -> Job:
    """Accept the file of a model, or the tar of its folder, of any framework that is known."""
    upload = received(question)
    name = checked_name(question.required("name"), "model")
    file = FileSpec(upload=upload.name, filename=question.required("filename"))
    spec = ImportSpec(
        name=name,
        file=file,
        columns=_names(question, "columns"),
        labels=_names(question, "labels"),
        format=question.query.get("format") or None,
        inputs=tuple(one for one in question.query.get("inputs", "").split(";") if one),
        entry=question.query.get("entry") or None,
        allow_unsafe=_is_unsafe(question),
    )
    return submit_file(plane, question, JobKind.IMPORT, msgspec.to_builtins(spec), upload)


def _is_unsafe(question: Question) -> bool:
    """Whether the caller lets code run while the model is read; only an administrator may.

    Raises:
        Forbidden: somebody else asks for it.
        InvalidInput: it is neither true nor false.
    """
    said = question.query.get("allow_unsafe", "false")
    if said not in ("true", "false"):
        raise InvalidInput(f"allow_unsafe is {said[:20]!r}: send true or false")
    return checked_unsafe(question.principal, is_asked=said == "true")


def checked_unsafe(principal: Principal, *, is_asked: bool) -> bool:
    """What was asked for, where the caller may ask for it.

    Raises:
        Forbidden: somebody who is no administrator asks for it.
    """
    if is_asked and principal.role is not Role.ADMIN:
        raise Forbidden(
            "only an administrator may let a model run code while it is read: ask one, or save the "
            "model in a form that runs none"
        )
    return is_asked


def _names(question: Question, parameter: str) -> tuple[str, ...]:
    said = question.query.get(parameter)
    return tuple(name.strip() for name in said.split(",")) if said else ()


def _resolved(plane: Plane, question: Question) -> Manifest:
    reference = f"{question.path['name']}@{question.path['version']}"
    return plane.catalog.resolve(ModelReference.parse(reference))


ROUTES = (
    Route(
        "POST",
        "/models",
        "Upload a model: the file of any framework, or the tar of its folder",
        Kind.MODEL,
        Action.CHANGE,
        import_model,
        answer=Job,
        query=(
            Parameter("name", "Name of the model.", required=True),
            Parameter("filename", "The file's name; its ending says what it is.", required=True),
            Parameter("columns", "Of an ONNX file: names for the values of an input row, a,b,c."),
            Parameter("labels", "Of an ONNX file: names for the values of an output row, a,b,c."),
            Parameter("format", "What it is, such as `keras`; found out unless said."),
            Parameter("inputs", "Its tensors where it does not say: `x:FP32:-1,10;y:INT64:-1`."),
            Parameter("entry", "Which of several parts: a signature of a SavedModel, a class."),
            Parameter("allow_unsafe", "`true`: an administrator lets it run code while read."),
        ),
        status=202,
        takes_file=True,
    ),
    Route(
        "GET", "/models", "Models", Kind.MODEL, Action.READ, index, answer=Page[Model], query=PAGE
    ),
    Route("GET", "/models/{name}", "One model", Kind.MODEL, Action.READ, show, answer=Model),
    Route(
        "GET",
        "/models/{name}/versions",
        "Versions of a model, oldest first",
        Kind.MODEL,
        Action.READ,
        versions,
        answer=Page[ModelVersion],
        query=PAGE,
    ),
    Route("GET", _VERSION, "One version", Kind.MODEL, Action.READ, version, answer=ModelVersion),
    Route(
        "GET",
        f"{_VERSION}/card",
        "The model card, Markdown with Hugging Face front matter",
        Kind.MODEL,
        Action.READ,
        card,
        media_type="text/markdown",
    ),
    Route(
        "GET",
        f"{_VERSION}/verify",
        "Whether a version's stored bytes are what they should be",
        Kind.MODEL,
        Action.READ,
        verify,
        answer=Verification,
    ),
    Route(
        "GET",
        f"{_VERSION}/export",
        "A version as a tar file",
        Kind.MODEL,
        Action.READ,
        export,
        query=(
            Parameter("format", f"One of {', '.join(EXPORT_FORMATS)}; `{LICHEN}` unless said."),
        ),
        media_type="application/x-tar",
    ),
    Route(
        "PUT",
        "/models/{name}/aliases/{alias}",
        "Let an alias point at a version",
        Kind.MODEL,
        Action.CHANGE,
        set_alias,
        answer=Model,
        body=Alias,
    ),
)
