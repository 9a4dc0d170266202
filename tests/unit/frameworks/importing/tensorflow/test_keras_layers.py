import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.tensorflow.layers import check_layers


def layer(kind: str, name: str, module: str | None = "keras.layers", **config: object) -> object:
    own = {"name": name, **config}
    return {"module": module, "class_name": kind, "config": own, "registered_name": None}


def model(*layers: object) -> dict[str, object]:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": list(layers)},
        "registered_name": "Sequential",
    }


GLOROT = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}}


def test_layers_of_keras_and_its_operations_are_taken() -> None:
    check_layers(
        model(
            layer("Dense", "dense", units=3, kernel_initializer=GLOROT, activation="relu"),
            layer("Add", "add", module="keras.src.ops.numpy"),
            layer("Functional", "inner", module="keras.src.models.functional"),
            layer("Normalization", "norm", mean={"class_name": "__tensor__", "config": {}}),
            layer("StringLookup", "zones", vocabulary=["DE", "FR"]),
        )
    )


def test_code_in_a_layer_is_refused_by_the_name_of_the_layer() -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEA"}}
    with pytest.raises(InvalidInput, match="layer 'twice' is a Lambda: it holds Python code"):
        check_layers(model(layer("Lambda", "twice", function=code)))
    with pytest.raises(InvalidInput, match="layer 'dense' is a __lambda__"):
        check_layers(model(layer("Dense", "dense", activation=code)))
    with pytest.raises(InvalidInput, match="layer 'inner' is a TorchModuleWrapper"):
        check_layers(model(layer("TorchModuleWrapper", "inner")))
    with pytest.raises(InvalidInput, match="layer 'other' is a TFSMLayer: it names the folder"):
        check_layers(model(layer("TFSMLayer", "other", filepath="/etc")))


@pytest.mark.parametrize("module", ["os", "keras.utils", "keras.saving", "mycode.layers", "keras2"])
def test_modules_outside_keras_and_those_that_do_more_than_compute_are_refused(module: str) -> None:
    with pytest.raises(InvalidInput, match=f"layer 'x' is a get_file of module {module}"):
        check_layers(model(layer("get_file", "x", module=module)))


def test_registered_classes_and_functions_of_authors_are_refused() -> None:
    own = {
        "module": None,
        "class_name": "Scale",
        "config": {"name": "scale"},
        "registered_name": "ours>Scale",
    }
    with pytest.raises(InvalidInput, match="layer 'scale' is a Scale of its author's own code"):
        check_layers(model(own))
    function = {"module": "builtins", "class_name": "function", "config": "swish2"}
    with pytest.raises(InvalidInput, match="layer 'dense' is a swish2 of its author's own"):
        check_layers(model(layer("Dense", "dense", activation=function)))


def test_what_keras_reads_of_nested_models_is_looked_through_and_of_the_whole_one_is_not() -> None:
    loss = {"module": "mycode", "class_name": "Loss", "config": {}}
    whole = model(layer("Dense", "dense"))
    check_layers({**whole, "compile_config": {"loss": loss}})
    with pytest.raises(InvalidInput, match="is a Loss of module mycode"):
        check_layers(model({**whole, "compile_config": {"loss": loss}}))


def test_files_and_states_that_outlive_a_call_are_refused() -> None:
    with pytest.raises(InvalidInput, match="'zones' takes its vocabulary from a file"):
        check_layers(model(layer("StringLookup", "zones", vocabulary="/etc/passwd")))
    with pytest.raises(InvalidInput, match="'lstm' keeps its state"):
        check_layers(model(layer("LSTM", "lstm", stateful=True)))


def test_older_configurations_without_modules_go_by_the_names_that_keras_has() -> None:
    known = {"Sequential", "Dense"}
    old = {"class_name": "Dense", "config": {"name": "dense"}}
    check_layers({"class_name": "Sequential", "config": {"layers": [old]}}, known)
    own = {"class_name": "Attend", "config": {"name": "attend"}}
    with pytest.raises(InvalidInput, match="layer 'attend' is a Attend, which Keras does not have"):
        check_layers({"class_name": "Sequential", "config": {"layers": [old, own]}}, known)


def test_a_configuration_without_end_is_refused() -> None:
    deep: object = {}
    for _ in range(500):
        deep = [deep]
    with pytest.raises(InvalidInput, match="nested too deep"):
        check_layers(deep)
