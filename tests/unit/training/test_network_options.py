"""What is asked of a network, in place of what a task usually takes; and its checkpoints."""

from lichen.frameworks.networks.architecture import Dense, Transformer
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.protocol.training import NetworkOptions
from lichen.training.networks import KeptNetworks, hyperparameters, network_settings, structured
from lichen.training.spending import Spending
from lichen.training.watch import NoGauge, NoWatch

ASKED = NetworkOptions(layers=[128, 64], activation="tanh", l2=1e-4, epochs=3, schedule="cosine")


def test_what_was_asked_for_stands_in_place_of_the_usual() -> None:
    usual = NetworkSettings(epochs=40, l2=1e-2, l1=0.5, optimizer="adamw", precision="auto")
    made = network_settings(ASKED, usual)
    assert made == NetworkSettings(
        epochs=3, l2=1e-4, l1=0.5, optimizer="adamw", schedule="cosine", precision="auto"
    )
    assert network_settings(None, usual) is usual


def test_a_structure_takes_the_options_that_it_has() -> None:
    assert structured(ASKED, Dense(dropout=0.2)) == Dense(
        layers=(128, 64), activation="tanh", dropout=0.2
    )
    assert structured(ASKED, Transformer(patch=4)) == Transformer(patch=4, activation="tanh")
    assert structured(None, Dense()) == Dense()


def test_of_tables_they_are_settings_of_the_mlp() -> None:
    assert hyperparameters(None) == {}
    assert hyperparameters(ASKED) == {
        "layers": "128,64",
        "activation": "tanh",
        "l2": 1e-4,
        "epochs": 3,
        "schedule": "cosine",
    }


def test_a_kept_network_comes_back_with_what_the_run_had_spent() -> None:
    watch = NoWatch()
    spending = Spending(NoGauge(), watch, None, earlier_nj=7, earlier_ng=3)
    kept = KeptNetworks(spending)
    assert not kept.is_keen
    assert kept.kept("a" * 64) is None
    kept.keep("a" * 64, b"weights")
    watch.kept["network-" + "b" * 24] = b"cut"
    assert kept.kept("a" * 64) == b"weights"
    assert kept.kept("b" * 64) is None


def test_what_it_cost_counts_in_the_attempt_that_takes_it_up() -> None:
    class Metered(Spending):
        @property
        def spent_nj(self) -> int | None:
            return 11 + self.earlier_nj

    watch = NoWatch()
    KeptNetworks(Metered(NoGauge(), watch, None)).keep("c" * 64, b"weights")
    later = Spending(NoGauge(), watch, None)
    assert KeptNetworks(later).kept("c" * 64) == b"weights"
    assert later.earlier_nj == 11
