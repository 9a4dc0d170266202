"""Follow the store: whatever is deployed is to be in service."""

from lichen.serving.deployment import OBSERVED
from lichen.serving.residency.desired import read_wanted
from lichen.serving.residency.memory import MemoryFigures
from lichen.serving.residency.reports import Reports
from lichen.serving.residency.residency import Residency
from lichen.serving.residency.workshop import Workshop
from lichen.serving.selector import Selector
from lichen.serving.widths import Widths
from lichen.store.documents import DocumentStore

_POLLS_PER_LOOK = 10
"""How often the files of failed deployments are looked at, in polls that find nothing new."""


class Watcher:
    """Follows the collection `deployments`. Its methods are for one thread, not the loop's."""

    def __init__(self, documents: DocumentStore, selector: Selector, workshop: Workshop) -> None:
        self._documents = documents
        self._reports = Reports(documents)
        self._widths = Widths(documents)
        self._residency = Residency(selector, workshop, self._reports, self._widths)
        self._seen = -1
        self._polls = 0

    def poll(self) -> bool:
        """Have what is served brought in line with what is deployed, if anything changed.

        Nothing is waited for: see `settle`.

        Returns:
            Whether anything in the store changed since the last time.

        Raises:
            StorageFailed: the store cannot be read; what is served stays as it is.
        """
        self._reports.write()
        revision = self._documents.revision()
        if revision == self._seen:
            self._polls += 1
            if self._polls % _POLLS_PER_LOOK == 0:
                self._residency.look_again()
            return False
        wanted = read_wanted(self._documents)
        self._widths.read()
        if self._seen < 0:  # take back what a former data plane said of deployments that are gone
            left = [one.key for one in self._documents.scan(OBSERVED) if one.key not in wanted]
            self._reports.take_back(left)
        self._residency.want(wanted)
        self._seen = revision
        return True

    def settle(self, seconds: float) -> bool:
        """Wait until all that is deployed is in service, or has failed; False if it is not yet."""
        return self._residency.wait(seconds)

    @property
    def memory(self) -> MemoryFigures:
        """What the loaded models take now."""
        return self._residency.tally.figures

    def close(self) -> None:
        """Change nothing any more; what is served is served on."""
        self._residency.close()
