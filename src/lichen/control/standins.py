"""Which deployment may answer for another while a budget degrades, and how good it is (B1)."""

from lichen.core.errors import InvalidInput
from lichen.core.ids import ModelReference
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.serving.deployment import Cheaper, Deployment

_LOWER_IS_BETTER = frozenset({"MASE", "MAPE", "RMSE", "MAE", "pinball"})
_HIGHER_IS_BETTER = frozenset({"accuracy", "F1", "R2", "AUC"})


def relative_quality(full: Manifest, other: Manifest) -> float | None:
    """How good `other` is beside `full`, 0 to 1, by the score where it is worst; pure.

    None where nobody knows: no score of both was taken on the same rows of the same data. Errors
    are compared as full/other, scores as other/full.
    """
    if (full.model, full.version) == (other.model, other.version):
        return 1.0
    if full.dataset is None or full.dataset != other.dataset:
        return None
    own = {(one.name, one.unit, one.split): one.value for one in full.metrics}
    shares = []
    for one in other.metrics:
        value = own.get((one.name, one.unit, one.split))
        if value is None or value < 0 or one.value < 0:
            continue
        if one.name in _LOWER_IS_BETTER:
            shares.append(_share(value, one.value))
        elif one.name in _HIGHER_IS_BETTER:
            shares.append(_share(one.value, value))
    return min(shares, default=None)


def _share(part: float, whole: float) -> float:
    return 1.0 if part >= whole else part / whole


def check_is_another(name: str, cheaper: Cheaper) -> None:
    """Refuse a deployment that names itself.

    Raises:
        InvalidInput: it does.
    """
    if cheaper.deployment == name:
        raise InvalidInput(f"deployment {name!r} cannot stand in for itself: name another")


def checked_cheaper(
    catalog: Catalog, wanted: Deployment, other: Deployment, stated: float | None
) -> Cheaper:
    """`other` as what stands in for `wanted`; `stated` is its relative quality, if somebody says.

    Raises:
        InvalidInput: it cannot answer the same requests, is another tenant's, or is not known to
            be as good as `wanted` has to be.
        NotFound: the version of one of them is gone.
    """
    if other.tenant != wanted.tenant:
        raise InvalidInput(
            f"deployment {other.name!r} belongs to another tenant than {wanted.name!r}: name one "
            "of the same"
        )
    full, small = _manifest(catalog, wanted), _manifest(catalog, other)
    if full.signature != small.signature:
        raise InvalidInput(
            f"deployment {other.name!r} ({other.reference}) takes or gives something else than "
            f"{wanted.reference}: only one with the same inputs, outputs and units can stand in"
        )
    quality = relative_quality(full, small) if stated is None else stated
    floor = wanted.level.min_quality
    if floor is not None and quality is None:
        raise InvalidInput(
            f"nobody knows how good {other.reference} is beside {wanted.reference}, and "
            f"min_quality asks for {floor:g}: state it with cheaper_quality, or leave one out"
        )
    if floor is not None and quality is not None and quality < floor:
        raise InvalidInput(
            f"{other.reference} has {quality:.3g} of the quality of {wanted.reference}, and "
            f"min_quality asks for {floor:g}: name a better one"
        )
    return Cheaper(other.name, quality, other.reference if stated is None else None)


def _manifest(catalog: Catalog, deployment: Deployment) -> Manifest:
    return catalog.resolve(ModelReference(deployment.model, str(deployment.version)))
