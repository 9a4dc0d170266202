"""Which verbs there are, in groups, and where each one lives: loaded only when it is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of the command line: its name, the object that runs it, and one line of help."""

    name: str
    home: str
    summary: str


SECTIONS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "Start",
        (
            Verb("up", "lichen.cli.up:up", "Start the platform on this machine."),
            Verb("demo", "lichen.cli.demo:demo", "The main job on real data, end to end."),
        ),
    ),
    (
        "Train",
        (
            Verb("data", "lichen.cli.data:data", "Datasets: add, append, ls, show, check."),
            Verb(
                "train",
                "lichen.cli.train:train",
                "Train a model: forecast, regression, classification and others.",
            ),
            Verb(
                "jobs",
                "lichen.cli.jobs:jobs",
                "Jobs: ls, show, logs, output, cancel, pause, resume.",
            ),
            Verb("plan", "lichen.cli.plan:plan", "When jobs that can wait run, and what it saves."),
            Verb(
                "schedules",
                "lichen.cli.schedules:schedules",
                "Work that recurs: ls, show, pause, resume, rm.",
            ),
        ),
    ),
    (
        "Serve",
        (
            Verb(
                "models",
                "lichen.cli.models_verbs:models",
                "Models: ls, show, alias, card, verify, export, import, pull, push.",
            ),
            Verb("deploy", "lichen.cli.deploy:deploy", "Let clients call a model version."),
            Verb("undeploy", "lichen.cli.deploy:undeploy", "Stop serving a deployment."),
            Verb(
                "predict", "lichen.cli.predict:predict", "One call of a deployment, or a batch job."
            ),
            Verb(
                "explain",
                "lichen.cli.explain:explain",
                "Why a deployment answers as it does: contributions, pictures.",
            ),
        ),
    ),
    (
        "Account",
        (
            Verb("ledger", "lichen.cli.ledger:ledger", "Accounts of energy and carbon; verify."),
            Verb("budget", "lichen.cli.budget:budget", "Budgets: set, ls, rm."),
            Verb(
                "report",
                "lichen.cli.report:report",
                "Reports: SCI, GHG Protocol, EU AI Act, GB/T 32150, Hugging Face.",
            ),
            Verb(
                "simulate",
                "lichen.cli.simulate:simulate",
                "The scheduler on a simulated clock: what jobs would have saved.",
            ),
            Verb("zones", "lichen.cli.zones:zones", "A grid's intensity now, source by source."),
            Verb("meter", "lichen.cli.meter:meter", "Which meters this machine has."),
        ),
    ),
)

VERBS = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}
