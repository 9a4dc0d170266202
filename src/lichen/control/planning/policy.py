"""The knobs of the planner, in one frozen record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """How the planner decides.

    Attributes:
        program_limit_s: how long on the clock the solver of the joint program may take, half of it
            where it has whole numbers; 0 leaves all that compete for a place to the heuristic.
        fine_variables: a program with more leaves out the parts of steps in which the windows of
            jobs with time to spare begin and end: half the variables, hardly a loss.
        foresight_weight: how much of the price of waiting is taken from the courses one by one, as
            if all were known a step later (1), and how much from their mean, as if nothing more
            would ever be known (0).
        least_gain_share: a job runs at once unless waiting is expected to save at least this share
            of its grams. Asked only of ensembles: a single course is taken at its word. Below 0 it
            is never asked.
        least_gain_deviations: and at least so many standard errors of that gain over the courses.
    """

    program_limit_s: float = 0.8
    fine_variables: int = 30_000
    foresight_weight: float = 0.25
    least_gain_share: float = 0.001
    least_gain_deviations: float = 0.0
