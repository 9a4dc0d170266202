"""The methods of explaining a row, dearest last; `auto` is the first that fits the version."""

from collections.abc import Callable, Mapping

from lichen.core.errors import InvalidInput
from lichen.explain.alarms import alarm_explainer
from lichen.explain.explainer import Explainer, LoadedVersion, Makes
from lichen.explain.forecasts import forecast_explainer
from lichen.explain.linear_shap import linear_explainer
from lichen.explain.networks import integrated_explainer, why_no_gradient
from lichen.explain.recommendations import (
    PAST_ITEMS,
    recommendation_explainer,
    why_no_history,
)
from lichen.explain.shapley import sampled_explainer
from lichen.explain.tensors import occlusion_explainer
from lichen.explain.text_weights import text_explainer
from lichen.explain.texts import LEFT_OUT, has_other_columns, left_out_explainer
from lichen.explain.tree_shap import tree_explainer
from lichen.protocol.explaining import AUTO

METHODS: Mapping[str, Makes] = {
    "forecast-drivers": forecast_explainer,
    "token-weights": text_explainer,
    "alarm-contributions": alarm_explainer,
    PAST_ITEMS: recommendation_explainer,
    "tree-shap": tree_explainer,
    "linear-shap": linear_explainer,
    "shap": sampled_explainer,
    "occlusion": occlusion_explainer,
    "integrated-gradients": integrated_explainer,
    LEFT_OUT: left_out_explainer,
}
"""By the name that a caller asks for."""
_COMPARES = "shap"
"""The method that needs usual rows."""

REASONS: Mapping[str, Callable[[LoadedVersion], str]] = {
    "integrated-gradients": why_no_gradient,
    PAST_ITEMS: why_no_history,
}
"""Of some methods, why they do not fit a version: one clause."""


class Explainers:
    """The explainers of one version, each made when it is first asked for."""

    def __init__(self, version: LoadedVersion) -> None:
        self._version = version
        self._made: dict[str, Explainer | None] = {}

    def find(self, method: str = AUTO, *, has_background: bool = True) -> Explainer:
        """The explainer of a method, or the first that fits.

        Args:
            method: its name, or `auto`.
            has_background: whether the request brings usual rows: without any, and with none that
                the version keeps, what compares with them is the last that is taken by itself,
                but for what would tell of the words of a table alone.

        Raises:
            InvalidInput: there is no such method, or it does not fit the model.
        """
        if method == AUTO:
            can_compare = has_background or self._version.background is not None
            found = next(
                (one for name in self._order(can_compare) if (one := self._of(name))), None
            )
            if found is None:
                why = why_no_history(self._version) or "see `lichen explain --help`"
                raise InvalidInput(f"no method explains such a model: {why}")
            return found
        if method not in METHODS:
            raise InvalidInput(
                f"method {method!r} is none: give {AUTO} or one of {', '.join(METHODS)}"
            )
        explainer = self._of(method)
        if explainer is None:
            fitting = [name for name in METHODS if self._of(name)]
            reason = REASONS[method](self._version) if method in REASONS else ""
            why = f" ({reason})" if reason else ""
            said = f"give {' or '.join([AUTO, *fitting])}" if fitting else "no other does either"
            raise InvalidInput(f"method {method!r} does not fit this model{why}: {said}")
        return explainer

    def _order(self, can_compare: bool) -> list[str]:  # noqa: FBT001
        tells_part = {LEFT_OUT} if has_other_columns(self._version) else set[str]()
        compares = set[str]() if can_compare else {_COMPARES}
        return sorted(METHODS, key=lambda name: 2 * (name in tells_part) + (name in compares))

    def _of(self, name: str) -> Explainer | None:
        if name not in self._made:
            self._made[name] = METHODS[name](self._version)
        return self._made[name]
