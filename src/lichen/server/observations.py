"""What the running platform says of itself: its meters, its addresses, a job's progress."""

import json
import time
from importlib.metadata import version

import msgspec

from lichen.core.errors import Unavailable
from lichen.energy.page import PageReader, Rate
from lichen.energy.survey import MeterSurvey, survey
from lichen.protocol.admin import Addresses, MeterChoice, Meters, Platform, Progress
from lichen.server.home import Home
from lichen.server.meter_choice import meter_choice
from lichen.server.sections import Settings
from lichen.server.work.attempt import PROGRESS

_FRESH_SECONDS = 60.0


class Observations:
    """Answers from files that the other processes keep."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._survey: MeterSurvey | None = None
        self._surveyed_at = 0.0

    def meters(self) -> Meters:
        """Which meter is read, and its rate in the last window."""
        found = self._survey_now()
        rate = self._rate()
        return Meters(
            chosen=found.chosen,
            reason=found.why,
            method=found.method.value,
            source=rate.source if rate else found.source,
            meters=[
                MeterChoice(name=one.name, usable=one.available, reason=one.detail)
                for one in found.options
            ],
            window=rate.window if rate else None,
            nj_per_cpu_ns=rate.nj_per_cpu_ns if rate else None,
            nj_per_cpu_ns_low=rate.low if rate else None,
            nj_per_cpu_ns_high=rate.high if rate else None,
            measured=list(found.measured),
            modelled=list(found.modelled),
            unknown=list(found.unknowable),
            processor=found.processor,
            threads=found.threads,
            sockets=found.sockets,
            cores=found.cores,
            virtual_machine=found.virtual_machine,
            container=found.container,
        )

    def platform(self) -> Platform:
        """Version, addresses and processes.

        Raises:
            Unavailable: the supervisor has not written them yet.
        """
        try:
            written = json.loads(self._home.addresses.read_bytes())
        except (OSError, ValueError) as error:
            raise Unavailable("the platform is still starting: try again in a moment") from error
        return Platform(
            version=version("lichen"),
            addresses=Addresses(
                http=written["http"], control=written["control"], grpc=written.get("grpc")
            ),
            zone=self._settings.carbon.zone,
            home=str(self._settings.home),
            pids={name: pid for name, pid in written["pids"].items() if pid},
        )

    def progress(self, job_id: str) -> Progress | None:
        """How far a running job is, once it said so."""
        try:
            written = (self._home.job(job_id) / PROGRESS).read_bytes()
            return msgspec.json.decode(written, type=Progress)
        except (OSError, msgspec.DecodeError):
            return None

    def _survey_now(self) -> MeterSurvey:
        now = time.monotonic()
        if self._survey is None or now - self._surveyed_at > _FRESH_SECONDS:
            self._survey = survey(meter_choice(self._settings))
            self._surveyed_at = now
        return self._survey

    def _rate(self) -> Rate | None:
        try:
            page = PageReader.open(self._settings.runtime)
        except Unavailable:
            return None
        try:
            return page.rate()
        except Unavailable:
            return None
        finally:
            page.close()
