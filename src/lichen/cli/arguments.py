"""Kinds of arguments that several verbs take."""

from datetime import datetime
from math import isfinite

import click

from lichen.core.clock import parse_rfc3339


class Moment(click.ParamType[datetime]):
    """An RFC 3339 time; a bare date means its midnight UTC."""

    name = "TIME"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """The moment in UTC, or a usage error that shows the form."""
        text = str(value)
        try:
            return parse_rfc3339(text if "T" in text else f"{text}T00:00:00Z")
        except ValueError:
            self.fail(f"{text!r} is no time: write it as 2026-01-31T00:00:00Z", param, ctx)


class Finite(click.FloatRange):
    """A number within a range; `nan`, which no comparison refuses, is none."""

    def convert(
        self,
        value: float,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The number, or a usage error that shows the range."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is no number: give one in {self._describe_range()}", param, ctx)
        return number


class Names(click.ParamType[list[str]]):
    """Column names, with commas between."""

    name = "A,B"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> list[str]:
        """The names without the space around them."""
        return [name.strip() for name in str(value).split(",") if name.strip()]


class WholeNumbers(click.ParamType[list[int]]):
    """Whole numbers, with commas between; none of them is a list as well."""

    name = "N,N"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> list[int]:
        """The numbers, or a usage error that shows the form."""
        if isinstance(value, list):
            return value
        try:
            return [int(number) for number in str(value).split(",") if number.strip()]
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers: write it as 128,64", param, ctx)


class Signs(click.ParamType[dict[str, int]]):
    """Columns with the way that they count, with commas between."""

    name = "COL=+1|-1"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, int]:
        """The sign of each column, or a usage error that shows the form."""
        if isinstance(value, dict):
            return value
        found: dict[str, int] = {}
        for said in filter(None, (one.strip() for one in str(value).split(","))):
            name, _, sign = said.rpartition("=")
            if sign not in ("+1", "-1", "1") or not name.strip() or name.strip() in found:
                self.fail(f"{said!r} is no constraint: write it as size=+1,price=-1", param, ctx)
            found[name.strip()] = int(sign)
        return found
