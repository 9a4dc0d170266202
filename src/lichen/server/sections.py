"""What can be set: one frozen tree, each field with its own sentence, its choices and its range.

`docs/reference/settings.md` is generated from it.
"""

from dataclasses import dataclass
from pathlib import Path

from lichen.server.pull_section import PullSettings
from lichen.server.setting import setting as _setting

LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """Where the platform listens."""

    host: str = _setting("127.0.0.1", "The address that all three ports listen on.")
    http: int = _setting(
        8080, "Port of the data plane over HTTP; 0 takes any free one.", least=0, most=LARGEST_PORT
    )
    grpc: int = _setting(
        8081, "Port of the data plane over gRPC; 0 takes any free one.", least=0, most=LARGEST_PORT
    )
    control: int = _setting(
        8090, "Port of the control plane; 0 takes any free one.", least=0, most=LARGEST_PORT
    )


@dataclass(frozen=True, slots=True)
class EnergySettings:
    """Which meter is read, and how the model is set where there is none."""

    meter: str = _setting(
        "auto",
        "The meter of the processors: `auto` takes the best that this machine has, or `rapl`, "
        "`prometheus` (Kepler or Scaphandre), `model`, `container` (the model on this container's "
        "CPU time alone), or the name of one that an installed package adds.",
    )
    accelerators: str = _setting(
        "auto",
        "The energy counters of GPUs: `auto` takes what is there.",
        choices=("auto", "none", "nvml", "amdsmi", "hwmon"),
    )
    prometheus_url: str | None = _setting(
        None,
        "Address of Kepler's or Scaphandre's exporter on this machine, such as "
        "`http://127.0.0.1:28282/metrics`; `auto` reads it where RAPL cannot be read.",
    )
    powercap: Path = _setting(  # noqa: RUF009 - dataclasses.field behind it
        Path("/sys/class/powercap"), "Folder of Linux power capping, where RAPL counters stand."
    )


@dataclass(frozen=True, slots=True)
class CarbonSettings:
    """How joules become grams."""

    zone: str = _setting(
        "WORLD", "Zone of the grid that feeds this machine, for example `DE` or `US-CAL-CISO`."
    )
    intensity_g_per_kwh: float | None = _setting(
        None, "A constant intensity in gCO2e per kWh, used before any other source.", least=0
    )
    intensity_file: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None, "CSV or Parquet file of intensities: first column time, second gCO2e per kWh."
    )
    intensity_sources: str | None = _setting(
        None,
        "Sources of intensity, first asked first, with commas: `constant`, `file`, "
        "`electricitymaps`, `neso`, `entsoe`, `watttime`, `averages`. The world's average is "
        "always the last. Unset: what is given of constant, file, electricitymaps and entsoe, then "
        "averages.",
    )
    electricitymaps_token: str | None = _setting(
        None, "Token of Electricity Maps, API v3.", secret=True
    )
    electricitymaps_url: str = _setting(
        "https://api.electricitymaps.com", "Address of Electricity Maps, or of your mirror of it."
    )
    neso_url: str = _setting(
        "https://api.carbonintensity.org.uk", "Address of NESO's Carbon Intensity API."
    )
    entsoe_token: str | None = _setting(
        None, "Security token of ENTSO-E's transparency platform.", secret=True
    )
    entsoe_url: str = _setting("https://web-api.tp.entsoe.eu", "Address of ENTSO-E's platform.")
    watttime_user: str | None = _setting(None, "User name at WattTime, API v3.")
    watttime_password: str | None = _setting(None, "Password at WattTime.", secret=True)
    watttime_region: str | None = _setting(
        None, "WattTime's name of the region that feeds this machine, such as `CAISO_NORTH`."
    )
    watttime_url: str = _setting("https://api.watttime.org", "Address of WattTime.")
    outlook: bool = _setting(
        True,  # noqa: FBT003 - the default of this setting
        "Whether a zone's intensity is foreseen by a model of its own, trained each day once four "
        "weeks of its hours are known. Without an hourly source nothing is trained.",
        choices=("true", "false"),
    )
    zone_latitude: float | None = _setting(
        None,
        "Degrees north of the middle of `zone`, for the sun over it. Unset: as known of the zone.",
        least=-90,
        most=90,
    )
    zone_longitude: float | None = _setting(
        None, "Degrees east of the middle of `zone`.", least=-180, most=180
    )
    zone_timezone: str | None = _setting(
        None, "IANA time zone of `zone`, such as `Europe/Madrid`. Unset: as known of the zone."
    )
    pue: float = _setting(1.0, "Power usage effectiveness of the building (C1).", least=1)
    embodied_kg_per_thread: float | None = _setting(
        None,
        "kgCO2e of making this machine, for each hardware thread (C3). Unset: a server's default.",
        least=0,
    )
    host_life_years: float = _setting(
        4.0, "Years over which making this machine is spread (C3).", least=0.1
    )
    embodied_source: str | None = _setting(
        None, "Where `embodied_kg_per_thread` comes from, such as the maker's data sheet."
    )


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What the operator declares for reports; what is not declared stays empty in them."""

    organisation: str | None = _setting(None, "Who reports: a name for the head of each report.")
    host_ownership: str | None = _setting(
        None,
        "Whose this machine is: the electricity of an owned one is scope 2 of the GHG Protocol, of "
        "a rented one scope 3 category 1.",
        choices=("owned", "rented"),
    )
    market_g_per_kwh: float | None = _setting(
        None,
        "gCO2e per kWh for the market-based scope 2. Needs the next three.",
        least=0,
        most=2000,
    )
    market_instrument: str | None = _setting(
        None,
        "What `market_g_per_kwh` is by: certificates or a contract, the supplier's rate, or the "
        "residual mix.",
        choices=("contract", "supplier", "residual-mix"),
    )
    market_source: str | None = _setting(
        None, "Name of that contract, supplier or residual mix, with its year."
    )
    market_evidence: str | None = _setting(
        None, "Where its evidence is kept: a certificate's number, a document, an address."
    )
    direct_g_per_kwh: float | None = _setting(
        None,
        "Direct gCO2e per kWh of the grid: splits a life-cycle intensity into scope 2 and scope 3 "
        "category 3. Needs `direct_source`.",
        least=0,
        most=2000,
    )
    direct_source: str | None = _setting(None, "Who publishes `direct_g_per_kwh`, with its year.")
    upstream_g_per_kwh: float | None = _setting(
        None,
        "Upstream gCO2e per kWh of the grid (fuel, plants, grid losses): scope 3 category 3 where "
        "the intensity in force is direct. Needs `upstream_source`.",
        least=0,
        most=2000,
    )
    upstream_source: str | None = _setting(
        None, "Who publishes `upstream_g_per_kwh`, with its year."
    )
    water_l_per_kwh: float | None = _setting(
        None,
        "Water usage effectiveness of the building, litres per kWh of the computers (ISO/IEC "
        "30134-9). Needs `water_source`.",
        least=0,
        most=100,
    )
    water_source: str | None = _setting(None, "Who measured `water_l_per_kwh`, and when.")


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How long the ledger keeps what it booked, and at which length."""

    ledger_url: str | None = _setting(
        None,
        "Database of the ledger, `postgresql://user:password@host/name` in UTF-8; needs "
        "`pip install 'lichen[postgresql]'`. Unset: a SQLite file in the home.",
        secret=True,
    )
    ledger_minutes_days: int = _setting(
        35, "Days for which the ledger keeps minutes; after them, hours.", least=3, most=36500
    )
    ledger_hours_days: int = _setting(
        400, "Days for which it keeps hours; after them, days.", least=3, most=36500
    )


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """Who may call."""

    anonymous_role: str | None = _setting(
        None,
        "Role of callers without a key; `predictor` opens inference. Unset: they get 401.",
        choices=("admin", "operator", "predictor", "viewer"),
    )
    tls_certificate: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None,
        "PEM file of the certificate, with its chain, that all ports show: they speak TLS 1.2 or "
        "newer then, and no plain HTTP. Needs `tls_key`.",
    )
    tls_key: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None, "PEM file of the private key of `tls_certificate`, without a passphrase."
    )
    tls_client_ca: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None,
        "PEM file of the CA whose certificates clients must show on every port (mutual TLS). "
        "Unset: clients need none.",
    )
    custom_predictors: bool = _setting(
        False,  # noqa: FBT003 - the default of this setting
        "Whether models may bring Python code of their own (`predictor.py`). It runs in a process "
        "of its own, as this platform's user: allow it if you trust whoever may import models.",
        choices=("true", "false"),
    )

    scripts: str = _setting(
        "admin",
        "Who may train by scripts of their own (`lichen train script`): callers of the role "
        "`admin`, those of `operator` too, or `none`.",
        choices=("admin", "operator", "none"),
    )
    script_confinement: str = _setting(
        "full",
        "How far a training script is confined: `full` (its own files, processes, network), "
        "`files` (its own files alone), or `unconfined`: then it may do what this platform's user "
        "may.",
        choices=("full", "files", "unconfined"),
    )
    script_network: bool = _setting(
        False,  # noqa: FBT003 - the default of this setting
        "Whether training scripts may open connections.",
        choices=("true", "false"),
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What is refused for its size or its slowness."""

    request_bytes: int = _setting(
        64 * 2**20, "Largest body of one inference request, in bytes.", least=1
    )
    header_bytes: int = _setting(
        32 * 2**10, "Largest head of one request to the data plane, in bytes.", least=256
    )
    header_seconds: float = _setting(
        10.0, "Longest wait for a request's head once it began, in seconds.", least=0.1
    )
    idle_seconds: float = _setting(
        75.0, "How long a connection may stay open without a request, in seconds.", least=0.1
    )
    connections: int = _setting(
        16384,
        "Most connections over HTTP to one process of the data plane, as far as the limit of open "
        "files allows; the next is answered 503, over TLS closed.",
        least=1,
    )
    upload_bytes: int = _setting(
        8 * 2**30, "Largest file that may be uploaded as data or as a model, in bytes.", least=1
    )
    batch_file_bytes: int = _setting(
        200 * 2**20, "Largest file of requests for `/v1/batches`, in bytes.", least=1
    )
    batch_storage_bytes: int = _setting(
        10 * 2**30, "What all files of one tenant at `/v1/files` may have, in bytes.", least=1
    )
    batch_rows: int = _setting(256, "Most rows that the data plane runs in one batch.", least=1)
    queue_requests: int = _setting(
        4096, "Most requests that may wait for one deployment; the next is answered 503.", least=1
    )
    model_memory_mb: int | None = _setting(
        None,
        "Memory that all loaded models may take together, in MiB; the least recently used sleep "
        "beyond it. Unset: three quarters of this machine's, or its container's.",
        least=1,
    )
    load_seconds: float = _setting(
        120.0, "Longest time a model may take to load before it is called failed.", least=0.1
    )
    guest_seconds: float = _setting(
        30.0,
        "Longest time that a model in a process of its own may take for one batch, in seconds; "
        "then it is stopped and started again.",
        least=0.1,
    )
    explanation_seconds: float = _setting(
        120.0,
        "Longest time that one request to explain may take, in seconds; then it is answered 504 "
        "and pays for what it used. Predictions of the model wait meanwhile. 0 allows none.",
        least=0,
    )
    guest_memory_mb: int = _setting(
        4096,
        "Most address space of a custom predictor's process, in mebibytes; 0 sets no bound.",
        least=0,
    )

    script_processes: int = _setting(
        64, "Most processes that a training script may have at a time.", least=2
    )
    script_log_bytes: int = _setting(
        4 * 2**20,
        "What is kept of what a training script prints, in bytes: the first half and the last.",
        least=1024,
    )


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How the worker runs jobs."""

    parallel_jobs: int = _setting(1, "Jobs that run at the same time.", least=1)
    lease_seconds: float = _setting(
        10.0, "A job whose worker did not renew its lease for so long is queued again.", least=1
    )
    grace_seconds: float = _setting(
        5.0, "Seconds between SIGTERM and SIGKILL when a job is cancelled.", least=0
    )
    attempts: int = _setting(
        20, "Starts of one job that ended by a crash before it is called failed.", least=1
    )
    queue_jobs: int = _setting(
        10_000, "Most jobs that have not ended; the next is answered 429.", least=1
    )


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How models of other frameworks come in."""

    unsafe_imports: str = _setting(
        "admin",
        "Who may import files that run code when they are read, such as pickles, by "
        "`--allow-unsafe`: callers of the role `admin`, or `none`. They are read in a process "
        "without network and files, and converted at once.",
        choices=("admin", "none"),
    )
    import_confinement: str = _setting(
        "auto",
        "How far the process of a converter is confined: `auto` (as far as this machine lets it), "
        "`full`, `files`, or `unconfined`. What runs code when it is read needs `full` in any "
        "case.",
        choices=("auto", "full", "files", "unconfined"),
    )
    import_environments: str = _setting(
        "build",
        "Whether a framework that is not installed here gets an environment of its own, built "
        "once from pinned packages of the package index, or is refused.",
        choices=("build", "never"),
    )
    import_environments_folder: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None, "Folder of these environments. Unset: in the home."
    )


@dataclass(frozen=True, slots=True)
class OperationSettings:
    """How the processes live together."""

    drain_seconds: float = _setting(
        10.0, "Longest wait for requests in flight when the platform stops.", least=0
    )
    dataplane_processes: int = _setting(
        1,
        "Processes of the data plane, which share its ports, the ledger and the deployments.",
        least=1,
        most=64,
    )
    alert_webhook: str | None = _setting(
        None,
        "Address that alerts of budgets are posted to as JSON: https, or plain http on this "
        "machine.",
        secret=True,
    )
    log_level: str = _setting(
        "warning",
        "What the processes write to standard error.",
        choices=("debug", "info", "warning", "error"),
    )


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What the command line calls."""

    url: str | None = _setting(
        None, "Address of the control plane. Unset: the platform of the home, or port 8090."
    )
    key: str | None = _setting(None, "API key. Unset: `admin.key` in the home.")
    ca: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None,
        "PEM file of the CA that signed the platform's certificate. Unset: the public authorities.",
    )
    certificate: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None, "PEM file of the certificate to show to a platform that asks for one."
    )
    certificate_key: Path | None = _setting(  # noqa: RUF009 - dataclasses.field behind it
        None, "PEM file of the private key of `certificate`."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, resolved."""

    home: Path
    runtime: Path
    addresses: AddressSettings = AddressSettings()
    energy: EnergySettings = EnergySettings()
    carbon: CarbonSettings = CarbonSettings()
    ledger: LedgerSettings = LedgerSettings()
    reports: ReportSettings = ReportSettings()
    security: SecuritySettings = SecuritySettings()
    limits: LimitSettings = LimitSettings()
    jobs: JobSettings = JobSettings()
    imports: ImportSettings = ImportSettings()
    pull: PullSettings = PullSettings()  # noqa: RUF009 - frozen, as the others are
    operation: OperationSettings = OperationSettings()
    client: ClientSettings = ClientSettings()
