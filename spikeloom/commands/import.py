"""Bring in a network of another tool, as a NIR graph: make it integers, and say how close they come. The .net files of
lava-dl, which are integers, come in as they are, bit for bit.

What a NIR file leaves open, the timestep and when a spike resets its neuron, is said here; all that was assumed is
listed. What the hardware cannot do is refused with the node's name. Without --data the graph sees random spikes.

With --method the graph is not merely rounded: it becomes a model that the methods of `spikeloom compress` work on, one
after the other, with samples of --data that are not compared on.
"""

from dataclasses import asdict
from pathlib import Path

from spikeloom import commands, terminal
from spikeloom.commands import _stages as stages
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import save

EXAMPLE = "spikeloom import cnn.nir --dt 1e-3 --reset subtract --data nmnist-small -o cnn.qsnn"
NIR_ONLY = {"dt": None, "reset": "zero", "leak": "euler", "fires": "above", "charge": "step", "weights": "integer:8",
            "precision": 8, "data": None, "limit": None, "method": None}
TRAINING = {"train": None, "epochs": 10, "batch": 32, "rate": 1e-2, "seed": 0}


def add(parser) -> None:
    parser.add_argument("graph", type=Path, metavar="FILE", help="a .nir file, or a .net file of lava-dl")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the .qsnn file (default: the graph's name)")
    parser.add_argument("--dt", type=float, metavar="S", help="seconds of a timestep (default: the file's, or 1e-4)")
    parser.add_argument("--reset", default="zero", help="zero, subtract or subtract-late, a timestep later "
                        "as in snnTorch (default: zero, as NIR defines it)")
    parser.add_argument("--leak", default="euler", help="euler, 1 - dt / tau, or exact, exp(-dt / tau) "
                        "(default: euler)")
    parser.add_argument("--fires", default="above", help="above the threshold, or at it (default: above)")
    parser.add_argument("--charge", default="step", help="neurons without a leak add R * I a step, or times dt: time "
                        "(default: step)")
    parser.add_argument("--weights", default="integer:8", metavar="BOOK", help="integer:BITS, pow2:EXPONENTS, ternary "
                        "or binary (default: integer:8)")
    parser.add_argument("--precision", type=int, default=8, metavar="BITS", help="of a threshold (default: 8)")
    parser.add_argument("--readout", help="count, first-spike, membrane-last, membrane-max or membrane-sum")
    parser.add_argument("--delay-shift", type=int, default=1, metavar="N", help="of a .net file: timesteps that spikes "
                        "take to the next layer, 1 or 0 (default: 1, as in slayer's blocks)")
    parser.add_argument("--timesteps", type=int, help="of an inference (default: those of the samples)")
    parser.add_argument("--data", metavar="FILE", help="samples: a .npz with frames (samples, timesteps, *input) and "
                        "labels, a .npy with frames, or nmnist-small")
    parser.add_argument("--limit", type=int, metavar="N", help="use only the first samples")
    parser.add_argument("--method", action="append", metavar="METHOD", help="compress by osbc:sparsity=0.9,bits=4 or "
                        "another method of `spikeloom compress`, and again for one after it; a .npz may hold "
                        "train_frames and train_labels for it")
    parser.add_argument("--train", type=int, metavar="N", help="methods use only the first of their samples")
    parser.add_argument("--epochs", type=int, default=10, help="of methods that train from new weights (default: 10)")
    parser.add_argument("--batch", type=int, default=32, help="samples a step of methods that train (default: 32)")
    parser.add_argument("--rate", type=float, default=1e-2, help="of learning, of which a method takes its share "
                        "(default: 0.01)")
    parser.add_argument("--seed", type=int, default=0, help="of methods (default: 0)")


def run(arguments) -> int:
    commands.check_network_name(arguments.output)
    if arguments.graph.suffix == ".net":
        return _lava(arguments)
    from spikeloom.train import importing
    from spikeloom.train.importing import samples
    methods = _methods(arguments)
    with terminal.progress("import") as update:
        graph = importing.read(arguments.graph)
        network = importing.restore(graph)
        if network is not None:
            if methods:
                raise SpikeloomError("--method must not be given with a graph that Spikeloom wrote: it holds integers")
            return _restored(network, arguments)
        conventions = importing.Conventions(dt=_dt(arguments.dt, graph), reset=arguments.reset, leak=arguments.leak,
                                            fires=arguments.fires, charge=arguments.charge)
        options = importing.Quantization(weights=arguments.weights, precision=arguments.precision,
                                         readout=arguments.readout)
        chosen = None
        if methods:
            made = _compressed(graph, conventions, options, methods, arguments, update)
        elif arguments.data is not None:
            chosen = samples.load(arguments.data, dt=conventions.dt, timesteps=arguments.timesteps,
                                  count=arguments.limit)
        elif arguments.limit is not None:
            raise SpikeloomError("--limit must come with --data")
        if not methods:
            made = importing.bring(graph, conventions, samples=chosen, timesteps=arguments.timesteps, options=options,
                                   progress=update)
    path = save(made.network, arguments.output or arguments.graph.with_suffix(".qsnn").name)
    if arguments.json:
        terminal.dump({"layers": list(made.names), "assumptions": list(made.assumptions),
                       **({"stages": [asdict(stage) for stage in made.stages], "level0": asdict(made.level0)}
                          if methods else {}),
                       "closeness": asdict(made.closeness), "network_digest": made.network.digest,
                       "output": str(path)})
        return 0
    if methods:
        stages.show(made.stages)
        print()
    _show(made, path, [("level 0", stages.level0(made.level0, "samples kept back"))] if methods else [])
    return 0


def _methods(arguments) -> list:
    """The methods asked for, before anything takes time."""
    from spikeloom.train import compress, pipeline
    found = [compress.parse(text) for text in arguments.method or ()]
    pipeline.check_order(found)
    if found and arguments.data is None:
        raise SpikeloomError("--method must come with --data: methods look at samples")
    for name, value in TRAINING.items() if not found else ():
        if getattr(arguments, name) != value:
            raise SpikeloomError(f"--{name} must come with --method")
    return found


def _compressed(graph, conventions, options, methods: list, arguments, update):
    from spikeloom.train import importing
    from spikeloom.train.fit import Schedule
    from spikeloom.train.importing import samples
    schedule = Schedule(epochs=arguments.epochs, batch=arguments.batch, rate=arguments.rate,
                        frozen_epochs=min(2, max(0, arguments.epochs // 2)))
    material = samples.material(arguments.data, dt=conventions.dt, timesteps=arguments.timesteps,
                                count=arguments.limit, train=arguments.train)
    return importing.bring_compressed(graph, conventions, methods, material, options=options, schedule=schedule,
                                      seed=arguments.seed, progress=update)


def _lava(arguments) -> int:
    """lava-dl's files leave nothing to round: the choices of a NIR graph are none."""
    from spikeloom.train.importing import lava, lava_network
    for name, value in NIR_ONLY.items():
        if getattr(arguments, name) != value:
            raise SpikeloomError(f"--{name} must not be given with a .net file, which says it itself")
    made = lava_network.build(lava.read(arguments.graph), timesteps=arguments.timesteps, readout=arguments.readout,
                              delay_shift=arguments.delay_shift)
    network = made.network
    path = save(network, arguments.output or arguments.graph.with_suffix(".qsnn").name)
    if arguments.json:
        terminal.dump({"layers": list(made.names), "assumptions": list(made.assumptions),
                       "network_digest": network.digest, "output": str(path)})
        return 0
    terminal.show([("assumed", made.assumptions[0]), *(("", text) for text in made.assumptions[1:])])
    print()
    terminal.show([(name or "delays", layer.size, layer.delay, layer.neurons.membrane_bits)
                   for name, layer in zip(made.names, network.layers, strict=True)],
                  columns=("layer", "neurons", "delay", "bits of V"))
    print()
    terminal.show([("digest", network.digest), ("file", path)])
    return 0


def _restored(network, arguments) -> int:
    """A graph that Spikeloom wrote needs no choices."""
    path = save(network, arguments.output or arguments.graph.with_suffix(".qsnn").name)
    if arguments.json:
        terminal.dump({"restored": True, "network_digest": network.digest, "output": str(path)})
    else:
        terminal.show([("written by", "Spikeloom: the same network again"), ("digest", network.digest), ("file", path)])
    return 0


def _dt(given: float | None, graph) -> float:
    if given is not None:
        return given
    stored = graph.metadata.get("dt")
    return float(stored) if isinstance(stored, int | float) else 1e-4


def _show(made, path: Path, more: list[tuple]) -> None:
    close = made.closeness
    terminal.show([("assumed", made.assumptions[0]), *(("", text) for text in made.assumptions[1:])])
    print()
    terminal.show([(layer.name, layer.graph, layer.network, f"{layer.overlap:.1%}") for layer in close.layers],
                  columns=("node", "spikes, graph", "spikes, network", "the same"))
    print()
    rows: list[tuple] = [("samples", close.samples), ("same class", f"{close.agree:.2%}")]
    if close.accuracy_graph is not None:
        rows += [("accuracy, graph", f"{close.accuracy_graph:.2%}"),
                 ("accuracy, integer", f"{close.accuracy_network:.2%}")]
    terminal.show([*rows, *more, ("digest", made.network.digest), ("file", path)])
