"""A server on this machine that answers as the services of intensity document it: for tests.

Replays what it is told, well or badly, and remembers who asked for what.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

Values = Sequence[tuple[datetime, float | None]]
"""What a grid had from each moment on; None is a gap."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was received."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer to give; `date` is what its clock says, this machine's when None."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    date: datetime | None = None


class ReplayServer:
    """Answers each GET with what `answer` says; use it in a `with`."""

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
                replay.asked.append(asked)
                told = replay.answer(asked)
                body = told.body.encode() if isinstance(told.body, str) else told.body
                self.send_response_only(told.status)
                date = told.date or datetime.now(UTC)
                headers = {"Content-Length": str(len(body)), "Date": format_datetime(date, True)}  # noqa: FBT003
                for name, value in (headers | dict(told.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        return Handler


def electricitymaps_history(
    zone: str, values: Values, *, estimated: Sequence[datetime] = ()
) -> str:
    """As `/v3/carbon-intensity/history` of Electricity Maps answers."""
    rows = [
        {
            "zone": zone,
            "carbonIntensity": value,
            "datetime": _milliseconds(moment),
            "updatedAt": _milliseconds(moment + timedelta(minutes=46)),
            "createdAt": _milliseconds(moment - timedelta(hours=72)),
            "emissionFactorType": "lifecycle",
            "isEstimated": moment in estimated,
            "estimationMethod": "TIME_SLICER_AVERAGE" if moment in estimated else None,
        }
        for moment, value in values
    ]
    return json.dumps({"zone": zone, "history": rows, "temporalGranularity": "hourly"})


def neso_intensity(values: Values, *, until: datetime | None = None) -> str:
    """As `/intensity/{from}/{to}` of NESO answers; no actual value from `until` on."""
    rows = [
        _half_hour(
            moment,
            {
                "forecast": value,
                "actual": None if until is not None and moment >= until else value,
                "index": "moderate",
            },
        )
        for moment, value in values
    ]
    return json.dumps({"data": rows})


def neso_region(region: int, values: Values) -> str:
    """As `/regional/intensity/{from}/{to}/regionid/{id}` of NESO answers: forecasts alone."""
    mix = [{"fuel": "gas", "perc": 43.6}, {"fuel": "wind", "perc": 56.4}]
    rows = [
        _half_hour(moment, {"forecast": value, "index": "moderate"}) | {"generationmix": mix}
        for moment, value in values
    ]
    named = {"regionid": region, "dnoregion": "UKPN London", "shortname": "London"}
    return json.dumps({"data": {**named, "data": rows}})


def watttime_historical(region: str, values: Values, *, step_s: int = 300) -> str:
    """As `/v3/historical` of WattTime answers, in pounds a MWh."""
    rows = [
        {
            "point_time": f"{moment:%Y-%m-%dT%H:%M:%S+00:00}",
            "value": value,
            "last_updated": f"{moment:%Y-%m-%dT%H:%M:%S+00:00}",
        }
        for moment, value in values
    ]
    meta = {
        "data_point_period_seconds": step_s,
        "region": region,
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "warnings": [],
        "model": {"date": "2026-03-01"},
    }
    return json.dumps({"data": rows, "meta": meta})


@dataclass(frozen=True, slots=True)
class Plant:
    """What one kind of plant generates: MW by position from `start` on."""

    kind: str
    mw: Mapping[int, float]
    curve: str = "A01"
    consumes: bool = False


def entsoe_generation(
    area: str, start: datetime, steps: int, plants: Sequence[Plant], resolution: str = "PT60M"
) -> str:
    """As document A75, process A16, of ENTSO-E answers."""
    minutes = int(resolution[2:-1])
    end = start + timedelta(minutes=minutes * steps)
    span = f"<start>{_minute(start)}</start><end>{_minute(end)}</end>"
    series = "".join(
        f"<TimeSeries><mRID>{number}</mRID><businessType>A01</businessType>"
        f"<{'out' if plant.consumes else 'in'}BiddingZone_Domain.mRID codingScheme='A01'>{area}"
        f"</{'out' if plant.consumes else 'in'}BiddingZone_Domain.mRID>"
        "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>"
        f"<curveType>{plant.curve}</curveType>"
        f"<MktPSRType><psrType>{plant.kind}</psrType></MktPSRType>"
        f"<Period><timeInterval>{span}</timeInterval><resolution>{resolution}</resolution>"
        + "".join(
            f"<Point><position>{place}</position><quantity>{mw}</quantity></Point>"
            for place, mw in plant.mw.items()
        )
        + "</Period></TimeSeries>"
        for number, plant in enumerate(plants, start=1)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><GL_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
        "<mRID>1</mRID><type>A75</type><process.processType>A16</process.processType>"
        f"<time_Period.timeInterval>{span}</time_Period.timeInterval>{series}</GL_MarketDocument>"
    )


def entsoe_refusal(code: str, text: str) -> str:
    """As ENTSO-E answers when it has nothing, or nothing for us."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"><mRID>1</mRID>'
        f"<Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    )


def _half_hour(moment: datetime, said: Mapping[str, object]) -> dict[str, object]:
    return {
        "from": _minute(moment),
        "to": _minute(moment + timedelta(minutes=30)),
        "intensity": said,
    }


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _milliseconds(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
