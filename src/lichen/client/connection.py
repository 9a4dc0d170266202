"""`lichen.connect()`: one object that reaches a platform, with the nouns of the command line."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import msgspec
from platformdirs import user_data_path

from lichen.client.admin import Data, Deployments
from lichen.client.budgets import Budgets
from lichen.client.explanations import AS_USUAL as EXPLAINED_AS_USUAL
from lichen.client.explanations import Explained
from lichen.client.inference import AS_USUAL, Answer, Inference, Wish
from lichen.client.jobs import Jobs, Watcher, train_job
from lichen.client.models import Models
from lichen.client.plans import Plans
from lichen.client.predictions import Predictions
from lichen.client.raw_rows import Row
from lichen.client.reports import Reports
from lichen.client.schedules import Schedules
from lichen.client.session import Session, is_loopback
from lichen.client.transport import Transport
from lichen.client.trust import Trust
from lichen.client.uploads import file_chunks
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import (
    Addresses,
    Health,
    JobKind,
    Ledger,
    Meters,
    ModelVersion,
    Platform,
    Verification,
    Zone,
    ZoneIntensity,
)
from lichen.protocol.explaining import ExplainOptions
from lichen.protocol.explaining_data import DataExplanation, ExplainSpec
from lichen.protocol.outlook import HistorySeeded, ZoneOutlook
from lichen.protocol.savings import Savings
from lichen.protocol.training import TrainSpec

DEFAULT_URL = "http://127.0.0.1:8090"
KEY_FILE = "admin.key"
ADDRESSES_FILE = Path("run", "addresses.json")


class Lichen:
    """A platform; close it, or use it in a `with`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.jobs = Jobs(session)
        self.data = Data(session, self.jobs)
        self.models = Models(session, self.jobs)
        self.deployments = Deployments(session)
        self.budgets = Budgets(session)
        self.reports = Reports(session)
        self.schedules = Schedules(session)
        self.predictions = Predictions(session)
        self.plans = Plans(session)
        self._inference: Inference | None = None

    @property
    def url(self) -> str:
        """Address of the control plane."""
        return self._session.url

    def train(self, spec: TrainSpec, watcher: Watcher | None = None) -> ModelVersion:
        """Train, wait, and answer the version that was registered.

        Raises:
            LichenError: the training failed; the error has the class it had there.
        """
        return self.models.made(train_job(self.jobs, spec, watcher))

    @property
    def inference(self) -> Inference:
        """The data plane, wherever this platform says that it listens."""
        if self._inference is None:
            url = _reachable(self.platform().addresses.http, self.url)
            transport = Transport(url, self._session.key, trust=self._session.trust)
            self._inference = Inference(transport)
        return self._inference

    def predict(
        self,
        deployment: str,
        inputs: Mapping[str, object] | Sequence[Row] | None = None,
        wish: Wish = AS_USUAL,
    ) -> Answer:
        """A prediction; a forecaster without inputs starts from its dataset's newest rows.

        Args:
            deployment: its name, or `NAME@V`.
            inputs: nested lists, arrays or bytes, by input name; or a list of raw rows, each a
                mapping of columns, where the model was trained on such.
            wish: how it is wanted: timeout, priority, which outputs.

        Raises:
            NotFound: there is no such deployment.
            InvalidInput: the inputs do not fit it, or it needs some.
            DeadlinePassed: there was no answer within the wish's timeout.
        """
        if inputs is not None:
            return self.inference.predict(deployment, inputs, wish)
        request = self.deployments.newest_input(deployment).request
        return self.inference.infer(deployment, msgspec.json.encode(request))

    def explain(
        self,
        deployment: str,
        rows: object,
        options: ExplainOptions = EXPLAINED_AS_USUAL,
        background: object = None,
    ) -> Explained:
        """Why a deployment answers rows as it does: what each raw column contributed.

        Args:
            deployment: its name, or `NAME@V`.
            rows: mappings of columns, or nested lists (or an array) of its only input.
            options: method, output, samples, seed.
            background: usual rows in the same form, for methods that compare with them.

        Raises:
            NotFound: there is no such deployment.
            InvalidInput: the rows or the options do not fit it.
        """
        return self.inference.explain(deployment, rows, options, background)

    def explain_data(self, spec: ExplainSpec, watcher: Watcher | None = None) -> DataExplanation:
        """What a deployment makes of the columns of a dataset: a job, waited for.

        Raises:
            InvalidInput: what is asked means nothing for this deployment or dataset.
        """
        job = self.jobs.wait(self.jobs.submit(JobKind.EXPLAIN, spec).id, watcher)
        with TemporaryDirectory(prefix="lichen-explain-") as folder:
            content = self.predictions.fetch(job.id, Path(folder, "found")).read_bytes()
        return msgspec.json.decode(content, type=DataExplanation)

    def ledger(self, since: datetime | None = None, until: datetime | None = None) -> Ledger:
        """What was booked to each account; sums to zero."""
        query = {
            "since": rfc3339(since) if since else None,
            "until": rfc3339(until) if until else None,
        }
        return self._session.get("/ledger", Ledger, query)

    def verify_ledger(self) -> Verification:
        """Whether the ledger's hash chain and sums hold."""
        return self._session.get("/ledger/verify", Verification)

    def savings(
        self, since: datetime | None = None, until: datetime | None = None, as_of: int | None = None
    ) -> Savings:
        """What levers saved in a span against a stated baseline; booked nowhere.

        Raises:
            NotFound: nothing is sealed in the ledger yet, or no entry `as_of`.
        """
        query = {
            "from": rfc3339(since) if since else None,
            "to": rfc3339(until) if until else None,
            "as_of": as_of,
        }
        return self._session.get("/savings", Savings, query)

    def meters(self) -> Meters:
        """Which meter the platform reads and what it says now."""
        return self._session.get("/meters", Meters)

    def zones(self) -> Iterator[Zone]:
        """Zones whose yearly average ships with the package."""
        return self._session.pages("/zones", Zone)

    def zone(self, code: str) -> ZoneIntensity:
        """What each source of intensity says of a zone now, the one in force named."""
        return self._session.get(_zone_path(code), ZoneIntensity)

    def outlook(
        self, code: str, hours: int | None = None, start: datetime | None = None
    ) -> ZoneOutlook:
        """What is expected of a zone's intensity, hour by hour with quantiles.

        Args:
            code: the zone.
            hours: how far, 1 to 96; None: 48.
            start: from this hour on; None: from now on.

        Raises:
            InvalidInput: the zone or the span cannot be.
        """
        query = {"hours": hours, "start": rfc3339(start) if start else None}
        return self._session.get(f"{_zone_path(code)}/outlook", ZoneOutlook, query)

    def seed_history(self, code: str, file: Path | str, column: str | None = None) -> HistorySeeded:
        """Give a zone the history that its outlook is learnt from: CSV or Parquet.

        Args:
            code: the zone.
            file: first column time (UTC without an offset), then gCO2e/kWh.
            column: of the intensities; None: the second.

        Raises:
            InvalidInput: a row cannot be; the message names it, and nothing was kept.
        """
        path = Path(file)
        query = {"filename": path.name, "column": column}
        content = file_chunks(path)
        return self._session.put_file(f"{_zone_path(code)}/history", content, HistorySeeded, query)

    def platform(self) -> Platform:
        """Version, addresses, zone."""
        return self._session.get("/platform", Platform)

    def health(self) -> Health:
        """Whether the control plane answers."""
        return self._session.get("/health", Health)

    def close(self) -> None:
        """Give the connections back."""
        if self._inference is not None:
            self._inference.close()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    url: str | None = None,
    key: str | None = None,
    home: Path | str | None = None,
    ca: Path | str | None = None,
    certificate: Path | str | None = None,
    certificate_key: Path | str | None = None,
) -> Lichen:
    """Reach a platform; nothing is sent before the first call.

    Args:
        url: address of the control plane. None: where the home's platform listens, else
            `http://127.0.0.1:8090`.
        key: API key. None: the home's `admin.key`, for a platform on this machine only.
        home: the platform's home. None: the user's data directory.
        ca: PEM file of the CA that signed the platform's certificate. None: public authorities.
        certificate: PEM file of the certificate to show to a platform that asks for one.
        certificate_key: PEM file of the private key of `certificate`.

    Raises:
        InvalidInput: the address, the key or a certificate is not usable, or a file of them may
            not be read.
    """
    folder = Path(home) if home is not None else Path(user_data_path("lichen", appauthor=False))
    address = url or _address_of(folder) or DEFAULT_URL
    if key is None and is_loopback(address):
        key = _key_of(folder)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InvalidInput("the API key holds characters that no key has: copy it once more")
    trust = Trust(_path(ca), _path(certificate), _path(certificate_key))
    return Lichen(Session(address, key, trust=trust))


def _zone_path(code: str) -> str:
    return f"/zones/{quote(code, safe='')}"


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _reachable(address: str, control: str) -> str:
    """A plane's address as seen from here: on the control plane's host if it names its own."""
    if is_loopback(control) or not is_loopback(address):
        return address
    host, there = urlsplit(control).hostname or "", urlsplit(address)
    return f"{there.scheme}://{f'[{host}]' if ':' in host else host}:{there.port}"


def _address_of(home: Path) -> str | None:
    try:
        written = (home / ADDRESSES_FILE).read_bytes()
        return msgspec.json.decode(written, type=Addresses).control
    except (OSError, msgspec.DecodeError):
        return None


def _key_of(home: Path) -> str | None:
    path = home / KEY_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the key in {path} cannot be read ({error}): give one with `key`"
        ) from error
