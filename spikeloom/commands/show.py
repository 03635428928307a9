"""Print a network: what it computes, and how big it is."""

from spikeloom import codebooks, commands, encoders, synapses, terminal
from spikeloom import neurons as models
from spikeloom.decay import Decay
from spikeloom.network import Layer, Network
from spikeloom.qsnn import load

EXAMPLE = "spikeloom show examples/mnist-icebreaker.qsnn"


def add(parser) -> None:
    commands.network_argument(parser)


def run(arguments) -> int:
    network = load(arguments.network)
    if arguments.json:
        terminal.dump(describe(network))
        return 0
    source = network.input
    sign = "signed" if source.signed else "unsigned"
    kind = "spikes" if source.range == (0, 1) else f"{sign} {source.bits}-bit integers"
    encoder = "none: values in every timestep"
    if network.encoder is not None:
        encoder = _with_parameters(encoders, network.encoder)
    terminal.show([
        ("digest", network.digest),
        ("input", f"{' x '.join(map(str, source.shape))} {kind}"),
        ("encoder", encoder),
        ("timesteps", network.timesteps),
        ("readout", network.readout),
        ("labels", ", ".join(network.labels) or "-"),
        ("accuracy", _accuracies(network)),
    ])
    print()
    rows = [(k, *_row(layer, network.presynaptic_range(k))) for k, layer in enumerate(network.layers)]
    columns = ("layer", "inputs", "neurons", "weights", "weight bits", "zeros", "decay", "reset", "membrane",
               "threshold", "current")
    terminal.show(rows, columns=columns)
    return 0


def describe(network: Network) -> dict:
    """A network as JSON types, weights left out."""
    encoder = network.encoder
    return {
        "digest": network.digest,
        "input": {"shape": network.input.shape, "bits": network.input.bits, "signed": network.input.signed},
        "encoder": None if encoder is None else {"kind": encoders.kind(encoder), **vars(encoder)},
        "timesteps": network.timesteps,
        "readout": network.readout,
        "labels": network.labels,
        "layers": [_describe(layer, network.presynaptic_range(k)) for k, layer in enumerate(network.layers)],
        "provenance": network.provenance,
    }


def _describe(layer: Layer, inputs: tuple[int, int]) -> dict:
    if layer.neurons is None:
        return {"inputs": layer.synapses.inputs, "neurons": layer.size, "synapses": synapses.kind(layer.synapses),
                "current_range": layer.current_range(inputs), "delay": layer.delay}
    neurons, book = layer.neurons, layer.synapses.codebook
    own = {} if models.kind(neurons) == "lif" else {"model": {"kind": models.kind(neurons), **_plain(neurons)}}
    return {
        "inputs": layer.synapses.inputs,
        "neurons": neurons.neurons,
        "codebook": {"kind": codebooks.kind(book), **vars(book)},
        "weight_bits": layer.synapses.weights.size * book.bits,
        "zero_weights": int((layer.synapses.weights == 0).sum()),
        "current_range": layer.current_range(inputs),
        "decay": vars(neurons.decay) if hasattr(neurons, "decay") else None,
        "membrane_bits": neurons.membrane_bits,
        "v_min": neurons.v_min,
        "v_max": neurons.v_max,
        "reset": getattr(neurons, "reset", None) if neurons.fires else None,
        "v_reset": getattr(neurons, "v_reset", 0),
        "refractory": getattr(neurons, "refractory", 0),
        "delay": layer.delay,
        "threshold": neurons.threshold.tolist() if neurons.fires else None,
        "bias": neurons.bias.tolist(),
        **own,
    }


def _plain(neurons: models.Model) -> dict:
    """All parameters of a model, as JSON types."""
    found = dict(vars(neurons))
    for name, value in found.items():
        found[name] = vars(value) if isinstance(value, Decay) else getattr(value, "tolist", lambda value=value: value)()
    return found


def _row(layer: Layer, inputs: tuple[int, int]) -> tuple:
    low, high = layer.current_range(inputs)
    if layer.neurons is None:
        return (layer.synapses.inputs, layer.size, synapses.kind(layer.synapses), 0, "-", "-", "-", "-", "-",
                f"{low} .. {high}")
    neurons, weights, book = layer.neurons, layer.synapses.weights, layer.synapses.codebook
    leak = getattr(neurons, "decay", Decay())
    decay = "none" if leak.is_identity else f"{leak.num}/{1 << leak.shift} {leak.rounding}"
    timing = {"refractory": getattr(neurons, "refractory", 0), "delay": layer.delay}
    extras = [f"{name} {steps}" for name, steps in timing.items() if steps]
    model = [] if models.kind(neurons) == "lif" else [models.kind(neurons)]
    reset = " ".join([*model, getattr(neurons, "reset", ""), *extras]).strip() if neurons.fires else "never fires"
    return (layer.synapses.inputs, layer.size, _with_parameters(codebooks, book), weights.size * book.bits,
            f"{(weights == 0).mean():.0%}", decay, reset, f"{neurons.membrane_bits} bits",
            _span(neurons.threshold) if neurons.fires else "-", f"{low} .. {high}")


def _span(values) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} .. {high}"


def _with_parameters(family, item) -> str:
    return " ".join([family.kind(item), *(f"{name} {value}" for name, value in vars(item).items())])


def _accuracies(network: Network) -> str:
    accuracy = network.provenance.get("accuracy")
    if not isinstance(accuracy, dict):
        return "-"
    return ", ".join(f"{name} {value:.2%}" for name, value in accuracy.items() if isinstance(value, float))
