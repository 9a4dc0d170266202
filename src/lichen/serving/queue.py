"""Who waits before a replica, and who is next: fair between callers, by rows.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): each caller has a line of their own, and the
line that was given the fewest rows so far goes first. Priority orders one caller's own requests; no
caller overtakes another by asking. As long as all that waits fits one batch, nobody is sorted.
"""

from collections import deque
from heapq import heapify, heappop, heapreplace

from lichen.serving.ticket import Ticket


class _Line:
    """The requests of one caller, and the rows they were given since the queue was last empty."""

    __slots__ = ("caller", "given", "tickets")

    def __init__(self, caller: str, given: int) -> None:
        self.caller = caller
        self.given = given
        self.tickets: deque[Ticket] = deque()

    def push(self, ticket: Ticket) -> None:
        """Last among those of its priority."""
        tickets = self.tickets
        position = len(tickets)
        while position and tickets[position - 1].priority > ticket.priority:
            position -= 1
        tickets.insert(position, ticket)


class FairQueue:
    """Tickets that wait; for one thread."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._waiting = 0
        self._rows = 0
        self._given = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def rows(self) -> int:
        """The rows that wait."""
        return self._rows

    def push(self, ticket: Ticket) -> None:
        """Let one more wait; a caller who comes anew stands where the last one served stood."""
        line = self._lines.get(ticket.caller)
        if line is None:
            line = self._lines[ticket.caller] = _Line(ticket.caller, self._given)
        line.push(ticket)
        self._waiting += 1
        self._rows += ticket.rows

    def take(self, most_rows: int) -> list[Ticket]:
        """The next batch: all that waits if it fits, else at least one, up to so many rows."""
        if self._rows <= most_rows:
            taken = [ticket for line in self._lines.values() for ticket in line.tickets]
            self._lines.clear()
            self._waiting = self._rows = self._given = 0
            return taken
        return self._fair_share(most_rows)

    def drop_abandoned(self) -> None:
        """Forget those whose callers are gone."""
        for line in list(self._lines.values()):
            line.tickets = deque(one for one in line.tickets if not one.abandoned)
            if not line.tickets:
                del self._lines[line.caller]
        self._waiting = sum(len(line.tickets) for line in self._lines.values())
        self._rows = sum(one.rows for line in self._lines.values() for one in line.tickets)

    def _fair_share(self, most_rows: int) -> list[Ticket]:
        order = [(line.given, number, line) for number, line in enumerate(self._lines.values())]
        heapify(order)
        taken: list[Ticket] = []
        room = most_rows
        while order:
            given, number, line = order[0]
            ticket = line.tickets[0]
            if taken and ticket.rows > room:
                break  # nor may a smaller one overtake it for ever
            line.tickets.popleft()
            taken.append(ticket)
            room -= ticket.rows
            self._given = given
            line.given = given + ticket.rows
            if line.tickets:
                heapreplace(order, (line.given, number, line))
            else:
                heappop(order)
                del self._lines[line.caller]
        self._waiting -= len(taken)
        self._rows -= sum([ticket.rows for ticket in taken])
        return taken
