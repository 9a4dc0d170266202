"""How plain JSON becomes the inputs of each deployment: made once for each, for both lanes."""

from collections.abc import MutableMapping
from weakref import WeakKeyDictionary

from lichen.protocol.plain import PlainForm
from lichen.serving.plane import DataPlane
from lichen.serving.selector import Served


class PlainForms:
    """The forms of the deployments that were asked in plain JSON; for the event loop's thread."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._known: MutableMapping[Served, PlainForm] = WeakKeyDictionary()

    def of(self, name: str) -> PlainForm:
        """The form of a deployment.

        Raises:
            NotFound, Unavailable: nothing answers under that name.
        """
        served = self._plane.find(name)
        form = self._known.get(served)
        if form is None:
            form = self._known[served] = PlainForm(served.signature)
        return form
