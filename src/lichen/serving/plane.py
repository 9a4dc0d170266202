"""The data plane: the one way to a prediction, for every protocol."""

from lichen.serving.rows import form
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Query, Reply, Ticket


class DataPlane:
    """Answers queries; all methods are for the event loop's thread."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def find(self, name: str, version: str | None = None) -> Served:
        """What answers under this name.

        Raises:
            NotFound: nothing of that name is deployed.
            Unavailable: it is deployed and not ready.
        """
        return self.selector.choose(name, version)

    def infer(self, query: Query, reply: Reply) -> Ticket:
        """Ask for a prediction; `reply` is called once, later, with the answer or the error.

        Returns:
            The ticket: set its `abandoned` when the caller is gone.

        Raises:
            NotFound, Unavailable: nothing answers under that name, or too many wait.
            InvalidInput: the inputs do not fit the model.
        """
        served = self.selector.choose(query.name, query.version)
        rows = served.admission.check(query.inputs)
        if query.outputs is not None:
            served.admission.check_outputs(query.outputs)
        ticket = Ticket(query, rows, form(query.inputs), served.head, reply)
        served.batcher.submit(ticket)
        return ticket
