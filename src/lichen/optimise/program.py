"""A linear or mixed-integer program: variables with bounds and prices, requirements, a solution.

Least price is sought. A requirement may be given up at a price for each unit by which it is missed;
one without such a price has to hold. The solver, HiGHS, works in one thread and prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
INFINITY = float("inf")
MOST_NAMED = 20
"""Conflicting requirements that are named; more help nobody."""


class Status(StrEnum):
    """How a solution ended."""

    OPTIMAL = "optimal"
    TIME_LIMIT = "time-limit"
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the sum of a requirement has to lie between.

    Attributes:
        at_least: one for all, or one for each requirement.
        at_most: likewise.
        slack_price: of a unit by which it is missed, on either side; None where it has to hold.
    """

    at_least: ArrayLike = -INFINITY
    at_most: ArrayLike = INFINITY
    slack_price: ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of several requirements: each a coefficient times a variable, in one requirement.

    Attributes:
        of: which requirement each belongs to, counted from 0 `(terms,)`.
        variables: as `Program.variables` numbered them `(terms,)`.
        coefficients: one for all, or one for each.
    """

    of: Whole
    variables: Whole
    coefficients: ArrayLike = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to try.

    Attributes:
        limit_s: seconds on the clock that the solver may take.
        relative_gap: with whole numbers, how far from the bound counts as optimal.
        presolves: whether to simplify first: lost time on transport problems.
        explains: whether to find out what conflicts if nothing holds, for a second at most.
    """

    limit_s: float = INFINITY
    relative_gap: float = 1e-4
    presolves: bool = True
    explains: bool = True


DEFAULT_EFFORT = Effort()


@dataclass(frozen=True, slots=True)
class Solution:
    """What the solver found.

    Attributes:
        status: optimal, or stopped by the clock, or shown to be impossible.
        values: of the variables as declared; None where no solution was found.
        price: of that solution; infinite where there is none.
        bound: no solution is cheaper.
        missed: by how much each requirement is missed, in the order of declaration.
        marginal: by how much the price would rise if the limits of each requirement rose by one;
            without meaning, 0, in programs with whole numbers.
        conflicts: of an infeasible program, requirements that cannot hold together. Empty where
            bounds of variables alone conflict, or only the need for whole numbers.
    """

    status: Status
    values: Floats | None
    price: float
    bound: float
    missed: Floats
    marginal: Floats
    conflicts: tuple[str, ...] = ()


class Program:
    """Variables and requirements, declared one after the other and then solved."""

    def __init__(self) -> None:
        self._columns: list[tuple[Floats, Floats, Floats, bool]] = []
        self._rows: list[tuple[Floats, Floats]] = []
        self._terms: list[tuple[Whole, Whole, Floats]] = []
        self._slacks: list[tuple[Whole, Whole]] = []
        self._names: list[str] = []
        self._count = 0

    def variables(
        self,
        price: ArrayLike,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = INFINITY,
        whole: bool = False,
    ) -> Whole:
        """Declare as many variables as there are prices; their numbers come back.

        Args:
            price: of a unit of each.
            lower: bounds, one for all or one for each.
            upper: likewise.
            whole: whether only whole numbers will do.
        """
        prices = np.atleast_1d(np.asarray(price, dtype=np.float64))
        bounds = (np.broadcast_to(np.asarray(one, float), prices.shape) for one in (lower, upper))
        low, high = bounds
        if not np.isfinite(prices).all() or np.isnan(low).any() or np.isnan(high).any():
            raise InvalidInput("a program needs finite prices, and bounds that are numbers")
        self._columns.append((prices, low, high, whole))
        self._count += len(prices)
        return np.arange(self._count - len(prices), self._count, dtype=np.int64)

    def require(self, name: str, variables: ArrayLike, limits: Limits) -> int:
        """The sum of some variables lies within limits; comes back numbered."""
        chosen = np.atleast_1d(np.asarray(variables, dtype=np.int64))
        return int(self.require_all([name], Terms(np.zeros_like(chosen), chosen), limits)[0])

    def require_all(self, names: Sequence[str], terms: Terms, limits: Limits) -> Whole:
        """Several requirements at once; their numbers come back.

        Raises:
            InvalidInput: a term names a variable or a requirement that there is not.
        """
        first, size = len(self._names), len(names)
        _check(terms, size, self._count)
        numbers = np.arange(first, first + size, dtype=np.int64)
        self._names.extend(names)
        coefficients = np.broadcast_to(np.asarray(terms.coefficients, float), terms.of.shape)
        self._terms.append((terms.of + first, terms.variables, coefficients))
        low = np.broadcast_to(np.asarray(limits.at_least, float), (size,))
        high = np.broadcast_to(np.asarray(limits.at_most, float), (size,))
        self._rows.append((low, high))
        if limits.slack_price is not None:
            prices = np.broadcast_to(np.asarray(limits.slack_price, float), (size,))
            self._add_slack(numbers, prices, sign=1.0, wanted=np.isfinite(low))
            self._add_slack(numbers, prices, sign=-1.0, wanted=np.isfinite(high))
        return numbers

    def solve(self, effort: Effort = DEFAULT_EFFORT) -> Solution:
        """The cheapest values.

        Raises:
            InvalidInput: the price has no lower end.
        """
        if self._count == 0:
            nothing = np.zeros(len(self._names))
            return Solution(Status.OPTIMAL, np.zeros(0), 0.0, 0.0, nothing, nothing)
        solver = _solver(effort)
        solver.passModel(self._model())
        solver.run()
        status = solver.getModelStatus()
        if status in (
            highspy.HighsModelStatus.kUnbounded,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            raise InvalidInput(
                "the program has no cheapest solution: bound every variable that pays"
            )
        if status == highspy.HighsModelStatus.kInfeasible:
            return self._infeasible(solver, explains=effort.explains)
        return self._found(solver, is_optimal=status == highspy.HighsModelStatus.kOptimal)

    def _add_slack(
        self, rows: Whole, prices: Floats, *, sign: float, wanted: NDArray[np.bool_]
    ) -> None:
        if not wanted.any():
            return
        numbers = self.variables(prices[wanted])
        self._terms.append((rows[wanted], numbers, np.full(len(numbers), sign)))
        self._slacks.append((rows[wanted], numbers))

    def _model(self) -> highspy.HighsLp:
        prices, low, high, _ = zip(*self._columns, strict=True)
        rows, columns, coefficients = (
            np.concatenate(one) for one in zip(*(self._terms or [_NO_TERMS]), strict=True)
        )
        order = np.argsort(columns, kind="stable")
        starts = np.zeros(self._count + 1, dtype=np.int64)
        np.cumsum(np.bincount(columns, minlength=self._count), out=starts[1:])
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self._count, len(self._names)
        model.col_cost_ = np.concatenate(prices)
        model.col_lower_, model.col_upper_ = np.concatenate(low), np.concatenate(high)
        model.row_lower_ = np.concatenate([one for one, _ in self._rows] or [np.zeros(0)])
        model.row_upper_ = np.concatenate([one for _, one in self._rows] or [np.zeros(0)])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = starts
        model.a_matrix_.index_ = rows[order]
        model.a_matrix_.value_ = coefficients[order]
        if any(whole for *_, whole in self._columns):
            model.integrality_ = [
                _WHOLE if whole else _REAL for one, *_, whole in self._columns for _ in one
            ]
        return model

    def _found(self, solver: highspy.Highs, *, is_optimal: bool) -> Solution:
        found = solver.getInfo()
        status = Status.OPTIMAL if is_optimal else Status.TIME_LIMIT
        is_mixed = any(whole for *_, whole in self._columns)
        bound = float(found.mip_dual_bound) if is_mixed else -INFINITY
        missed = np.zeros(len(self._names))
        if found.primal_solution_status != _FEASIBLE:
            return Solution(status, None, INFINITY, bound, missed, missed)
        price = float(found.objective_function_value)
        solution = solver.getSolution()
        values = np.array(solution.col_value, dtype=np.float64)
        for rows, numbers in self._slacks:
            np.add.at(missed, rows, values[numbers])
        is_exact = is_optimal and not is_mixed
        marginal = np.array(solution.row_dual) if is_exact else np.zeros_like(missed)
        return Solution(status, values, price, price if is_exact else bound, missed, marginal)

    def _infeasible(self, solver: highspy.Highs, *, explains: bool) -> Solution:
        rows = solver.getIis()[1].row_index_[:MOST_NAMED] if explains else []
        names = tuple(self._names[row] for row in rows)
        missed = np.zeros(len(self._names))
        return Solution(Status.INFEASIBLE, None, INFINITY, INFINITY, missed, missed, names)


_NO_TERMS = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
_WHOLE = highspy.HighsVarType.kInteger
_REAL = highspy.HighsVarType.kContinuous
_FEASIBLE = 2
_CONFLICT_S = 1.0
"""To find out which requirements conflict."""


def _solver(effort: Effort) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", float(effort.limit_s))
    solver.setOptionValue("presolve", "choose" if effort.presolves else "off")
    solver.setOptionValue("mip_rel_gap", effort.relative_gap)
    irreducible = highspy.IisStrategy.kIisStrategyIrreducible
    solver.setOptionValue("iis_strategy", int(irreducible))
    solver.setOptionValue("iis_time_limit", _CONFLICT_S)
    return solver


def _check(terms: Terms, requirements: int, variables: int) -> None:
    for named, count, what in (
        (terms.of, requirements, "requirement"),
        (terms.variables, variables, "variable"),
    ):
        if len(named) and (named.min() < 0 or named.max() >= count):
            raise InvalidInput(f"a term names a {what} that there is not: there are {count}")
