"""The detectors of the portfolio, cheapest first, and the settings that each is tried with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.autoencoder import Autoencoder, usual_settings, usual_structure
from lichen.frameworks.detection.components import Components
from lichen.frameworks.detection.detector import Detector
from lichen.frameworks.detection.isolation import Isolation
from lichen.frameworks.detection.tails import Tails
from lichen.frameworks.networks.unfinished import NetworkNursery
from lichen.protocol.training import AUTO, AnomalyTraining, NetworkOptions
from lichen.training.networks import network_settings, structured

PCA, ECOD, FOREST, DYNAMIC = "pca", "ecod", "isolation-forest", "dynamic-pca"
AUTOENCODER = "autoencoder"

TITLES: Mapping[str, str] = {
    PCA: "PCA with T2 and SPE",
    ECOD: "ECOD",
    DYNAMIC: "Dynamic PCA",
    FOREST: "Isolation forest",
    AUTOENCODER: "Autoencoder",
}
"""In the order in which they are tried: by what training costs."""

USUAL_LAGS = 2
"""Rows that a dynamic detector looks back at where nothing says how many are best."""
MOST_LAGS = 1000
USUAL_COLUMNS, USUAL_ROWS = 32, 5000
"""Of which a network has its usual structure and training where some of either was asked for."""
_TRIED_LAGS = (2, 1, 4)
_TRIED_SAMPLES = (256, 64, 1024)
_TRIED_SHARES = (0.99, 0.9, 0.7)


@dataclass(frozen=True, slots=True)
class Setting:
    """A detector with its settings; the same setting on the same rows gives the same detector.

    Attributes:
        algorithm: a key of `TITLES`.
        lags: rows before the one that is judged; 0: it judges single rows.
        numbers: further settings by name.
    """

    algorithm: str
    lags: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)

    def described(self) -> dict[str, object]:
        """As a person reads it."""
        lags = {"lags": self.lags} if self.lags else {}
        return {**lags, **self.numbers}


def settings_of(asked: AnomalyTraining, *, is_labelled: bool) -> tuple[Setting, ...]:
    """What is tried, cheapest first: without labels to choose by, one detector as it is.

    Raises:
        InvalidInput: there is no such algorithm, or its options are not usable.
    """
    _check(asked)
    if asked.algorithm != AUTO:
        return _of(asked.algorithm, asked, is_labelled=is_labelled)
    if not is_labelled:
        name = PCA if asked.lags is None else DYNAMIC
        return _of(name, asked, is_labelled=False)
    return tuple(one for name in TITLES for one in _of(name, asked, is_labelled=True))


def _of(name: str, asked: AnomalyTraining, *, is_labelled: bool) -> tuple[Setting, ...]:
    most = asked.search if is_labelled else 1
    if name == DYNAMIC:
        lags = (asked.lags,) if asked.lags else _TRIED_LAGS if is_labelled else (USUAL_LAGS,)
        made = tuple(Setting(DYNAMIC, one, {"explained": _TRIED_SHARES[0]}) for one in lags)
    elif name == FOREST:
        samples = _TRIED_SAMPLES if is_labelled else _TRIED_SAMPLES[:1]
        made = tuple(Setting(FOREST, 0, {"trees": 100, "sample": one}) for one in samples)
    elif name == PCA:
        shares = _TRIED_SHARES if is_labelled else _TRIED_SHARES[:1]
        made = tuple(Setting(PCA, 0, {"explained": one}) for one in shares)
    else:
        made = (Setting(name),)
    return made[:most]


def _check(asked: AnomalyTraining) -> None:
    if asked.algorithm not in (AUTO, *TITLES):
        raise InvalidInput(
            f"algorithm {asked.algorithm!r} is unknown: take {AUTO}, {', '.join(TITLES)}"
        )
    if not 0 < asked.false_alarms <= 0.5:
        raise InvalidInput(
            f"false_alarms is {asked.false_alarms:g}: it is a share of the usual rows, over 0 and "
            "at most 0.5"
        )
    if asked.lags is not None and not 1 <= asked.lags <= MOST_LAGS:
        raise InvalidInput(f"lags is {asked.lags}: look back at 1 to {MOST_LAGS} rows")
    if asked.lags is not None and asked.algorithm not in (AUTO, DYNAMIC):
        raise InvalidInput(f"{asked.algorithm} judges single rows: leave lags out, or {DYNAMIC}")
    if asked.cv is not None and asked.cv < 2:
        raise InvalidInput(f"cv is {asked.cv}: part the usual rows in 2 at least")
    if asked.search is not None and asked.search < 1:
        raise InvalidInput(f"search is {asked.search}: try at least 1 setting of each detector")


def detector_of(
    setting: Setting, network: NetworkOptions | None, nursery: NetworkNursery
) -> Detector:
    """The detector, to be fitted.

    Args:
        setting: which one.
        network: structure and training of an autoencoder, as asked for; None: the usual.
        nursery: keeps what of its training is not done.
    """
    if setting.algorithm == AUTOENCODER:
        return _autoencoder(network, nursery)
    if setting.algorithm == ECOD:
        return Tails()
    if setting.algorithm == FOREST:
        return Isolation(int(setting.numbers["trees"]), int(setting.numbers["sample"]))
    return Components(setting.numbers["explained"])


def _autoencoder(network: NetworkOptions | None, nursery: NetworkNursery) -> Autoencoder:
    """The usual one, but for what was asked: hidden layers that are not said go by the columns."""
    if network is None:
        return Autoencoder(nursery=nursery)
    structure = structured(network, usual_structure(USUAL_COLUMNS))
    settings = network_settings(network, usual_settings(USUAL_ROWS))
    return Autoencoder(structure, settings, nursery)
