"""`lichen meter`: which meters this machine has, what they read, how far to trust them."""

from dataclasses import dataclass
from pathlib import Path

import click

from lichen.cli.commands import Verb
from lichen.cli.output import json_option, print_json, print_table
from lichen.core.clock import SystemClock
from lichen.core.errors import Unavailable
from lichen.core.plugins import load_object
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.page import PageContent, PageReader
from lichen.energy.survey import MeterSurvey, survey
from lichen.server.meter_choice import meter_choice
from lichen.server.settings import load


@dataclass(frozen=True, slots=True)
class Meterage:
    """What this machine offers, and what the owner of its meters publishes, if there is one."""

    survey: MeterSurvey
    window: int | None
    host_nj: int | None
    nj_per_cpu_ns: float | None
    nj_per_cpu_ns_low: float | None
    nj_per_cpu_ns_high: float | None


OLD_S = 10.0
"""An owner publishes each second: what stands there for longer, its end left behind."""

VERBS: dict[str, Verb] = {
    "run": Verb("run", "lichen.cli.meter_run:meter_run", "Run a command and say what it cost."),
    "calibrate": Verb(
        "calibrate",
        "lichen.cli.meter_calibrate:calibrate",
        "Fit the power model to this machine.",
    ),
}
"""`lichen meter VERB`: imported when called, so that a look at the meters stays quick."""


class MeterVerbs(click.Group):
    """A group that imports a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now; None when there is no such verb."""
        verb = VERBS.get(cmd_name)
        command = load_object(verb.home) if verb else None
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs with their summaries, importing none of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb.name, verb.summary) for verb in VERBS.values()])


@click.group(cls=MeterVerbs, invoke_without_command=True)
@json_option
@click.pass_context
def meter(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """Which meters this machine has, what they read now, and how far they can be trusted."""
    if context.invoked_subcommand is None:
        _show(as_json=as_json)


def _show(*, as_json: bool) -> None:
    settings = load()
    found = survey(meter_choice(settings))
    published = _published(settings.runtime)
    if as_json:
        print_json(_meterage(found, published))
    else:
        _print_survey(found)
        _print_page(published)


def _published(runtime: Path) -> PageContent | None:
    """What the owner publishes; None without one: a page outlives its owner, and is old then."""
    try:
        page = PageReader.open(runtime)
        content = page.content()
        page.close()
    except Unavailable:
        return None
    ended_s = content.ended_unix_ns / NANOSECONDS_PER_SECOND
    return content if SystemClock().now().timestamp() - ended_s < OLD_S else None


def _meterage(found: MeterSurvey, page: PageContent | None) -> Meterage:
    if page is None:
        return Meterage(found, None, None, None, None, None)
    rate = page.rate
    return Meterage(found, page.window, page.host_nj, rate.nj_per_cpu_ns, rate.low, rate.high)


def _print_survey(found: MeterSurvey) -> None:
    kind = "virtual machine" if found.virtual_machine else "machine"
    inside = " (in a container)" if found.container else ""
    sockets = f", {found.sockets} socket{'s'[: found.sockets != 1]}" if found.sockets else ""
    cores = f" ({found.cores})" if found.cores else ""
    click.echo(f"{found.processor}, {found.threads} threads{cores}{sockets}, {kind}{inside}")
    click.echo(f"chosen: {found.chosen}, {found.method.value}: {found.why}")
    click.echo(f"source: {found.source}")
    print_table(
        ("meter", "here", "detail"),
        [
            (option.name, "yes" if option.available else "no", option.detail)
            for option in found.options
        ],
    )
    for title, things in (
        ("measured", found.measured),
        ("modelled", found.modelled),
        ("unknowable here", found.unknowable),
    ):
        click.echo(f"{title}: {'; '.join(things) or 'nothing'}")


def _print_page(page: PageContent | None) -> None:
    if page is None:
        click.echo("reading: no owner publishes a reading now; `lichen up` starts one")
        return
    rate = page.rate
    click.echo(
        f"reading: window {page.window}, {rate.nj_per_cpu_ns:.3g} J per busy CPU-second "
        f"(90 % interval {rate.low:.3g} to {rate.high:.3g}), {rate.method.value}, {rate.source}"
    )
