"""Spiker+ (PyPI spikerplus 2.0.3): its own training, quantization and VHDL; GHDL, Yosys and nextpnr behind it."""

import re
from pathlib import Path

import frame
import ghdl
import images
import numpy as np
import spikerplus_rtl
from rows import Row
from stages import HERE, Stages

VERSION = "2.0.3"
UNDECLARED = ("tabulate",)
EPOCHS = 5
# Bits of weights and membranes, and decimals: of a tutorial, from the MNIST tutorial's ranges, and wider ones.
WIDTHS = ("5,10,3", "6,10,4", "6,10,6", "8,10,5", "10,10,6", "8,14,6", "10,16,8")
BUILT = ("6,10,6",)
SIMULATED = 20
BOARD, CLOCK_MHZ = "ulx3s-85f", 50


def check() -> None:
    """Raises `ToolError` without GHDL."""
    ghdl.find()


def rows(stages: Stages) -> list[Row]:
    """One row for each choice of widths that is built."""
    stages.run("install", lambda: stages.install(f"spikerplus=={VERSION}", "torch", *UNDECLARED))
    trained = stages.run("train", lambda: stages.python("spikerplus_model.py", "train", ".", EPOCHS))
    quantized = stages.run("quantize", lambda: stages.python("spikerplus_model.py", "quantize", ".", *WIDTHS))
    return [_row(stages, widths, trained, quantized) for widths in BUILT]


def _row(stages: Stages, widths: str, trained: dict, quantized: dict) -> Row:
    name = widths.replace(",", "-")
    folder = stages.folder / f"vhdl-{name}"
    made = stages.run(f"generate-{name}",
                      lambda: stages.python("spikerplus_model.py", "generate", ".", widths, SIMULATED))
    compared = stages.run(f"simulate-{name}", lambda: simulate(folder, widths))
    hardware = stages.run(f"answer-{name}", lambda: answer(folder, widths))
    verilog = stages.run(f"verilog-{name}", lambda: _verilog(folder))
    board = stages.folder / f"board-{name}"
    synthesised = stages.run(f"synthesise-{name}", lambda: frame.synthesise(
        core(widths), (folder / "peer.v").read_text(), BOARD, board, CLOCK_MHZ))
    placed = stages.run(f"place-{name}", lambda: frame.place(BOARD, board, synthesised["clock_hz"]))
    road = made, verilog, synthesised, placed
    weights, neurons, decimals = widths.split(",")
    seen = compared["model"]
    return Row(
        peer="Spiker+", version=VERSION, network="SNN 784-128-10", timesteps=images.TIMESTEPS,
        numbers=f"weights {weights} bits, membranes {neurons}, {decimals} of them decimals",
        accuracy={"float": trained["float_accuracy"], "quantized model": quantized["accuracy"][widths],
                  "hardware": hardware["by_membranes"]},
        test_images=trained["test_images"],
        checked_by_tool=False,
        exactness=f"{seen['images_alike']} of {compared['images']} images have the model's hidden spikes and output "
                  f"membranes, {seen['classes_alike']} its class; our integer model of the VHDL has all of "
                  f"{compared['rtl']['images_alike']}",
        board=BOARD, resources=placed["resources"], frame_flip_flops=core(widths).flip_flops,
        fmax_mhz=placed["fmax_mhz"], cycles=compared["cycles"],
        seconds=sum(stage["seconds"] for stage in road), cpu_seconds=sum(stage["cpu_seconds"] for stage in road),
        repairs=(*(f"`{one}` installed by hand: imported, not declared" for one in UNDECLARED), *verilog["repairs"],
                 "for the simulation alone a port on `network.vhd` that shows the hidden spikes"),
    )


def simulate(folder: Path, widths: str) -> dict:
    """The VHDL under GHDL on some images: against Spiker+'s quantized model, and against our integers."""
    model = np.load(folder / "model.npz")
    run = folder.parent / f"simulation-{folder.name}"
    run.mkdir(exist_ok=True)
    sources = [file for file in sorted(folder.glob("*.vhd")) if file.name != "network.vhd"]
    (run / "network.vhd").write_text(with_hidden_spikes((folder / "network.vhd").read_text()))
    silent = np.zeros((len(model["spikes"]), 1, model["spikes"].shape[2]), bool)
    fed = np.concatenate([model["spikes"], silent], 1).reshape(-1, silent.shape[2])
    (run / "frames.txt").write_text("".join("".join("01"[bit] for bit in row[::-1]) + "\n" for row in fed.astype(int)))
    ghdl.simulate([*(file.resolve() for file in sources), run.resolve() / "network.vhd", HERE / "spikerplus_bench.vhd"],
                  "bench", run, membrane_bits=int(widths.split(",")[1]))
    seen, cycles = read_seen((run / "seen.txt").read_text())
    return judge(model, seen, _integers(model, model["spikes"], widths)) | {
        "images": len(cycles), "cycles": {"mean": float(np.mean(cycles)), "max": int(max(cycles))}}


def judge(model: dict, seen: spikerplus_rtl.Trace, integers: spikerplus_rtl.Trace) -> dict:
    """How many images are alike in the VHDL and in Spiker+'s `model`, and in the VHDL and in our `integers`.

    The VHDL is a timestep late in the hidden layer and two in the output: the model's last membranes never come out.
    """
    rtl = np.all([(getattr(integers, part) == getattr(seen, part)).all((1, 2))
                  for part in ("hidden", "output", "membranes")], axis=0)
    steps = model["hidden"].shape[1]
    hidden = (seen.hidden[:, 1:] == model["hidden"]).all((1, 2))
    output = (seen.membranes[:, 2:] == model["membranes"][:, :steps - 1]).all((1, 2))
    classes = seen.membranes.sum(1).argmax(1) == model["membranes"].sum(1).argmax(1)
    return {"rtl": {"images_alike": int(rtl.sum())},
            "model": {"images_alike": int((hidden & output).sum()), "classes_alike": int(classes.sum()),
                      "hidden_alike": int(hidden.sum()),
                      "hidden_spikes": [int(seen.hidden.sum()), int(model["hidden"].sum())]}}


def answer(folder: Path, widths: str) -> dict:
    """The accuracy of what the VHDL computes on all test images, by our integers."""
    model = np.load(folder / "model.npz")
    pixels, labels = images.load("t10k")
    spikes = images.rate_code(pixels)
    right = {"by_membranes": 0, "by_spikes": 0}
    for begin in range(0, len(labels), 500):
        trace = _integers(model, spikes[begin:begin + 500], widths)
        for readout, values in (("by_membranes", trace.membranes), ("by_spikes", trace.output)):
            right[readout] += int((values.sum(1).argmax(1) == labels[begin:begin + 500]).sum())
    return {readout: count / len(labels) for readout, count in right.items()} | {"test_images": len(labels)}


def _integers(model: dict, spikes: np.ndarray, widths: str) -> spikerplus_rtl.Trace:
    return spikerplus_rtl.run(spikes, model["hidden_weights"], model["output_weights"], int(model["threshold"]),
                              int(widths.split(",")[1]))


def with_hidden_spikes(network: str) -> str:
    """`network.vhd` with one more port, `layer_0_seen`, for the test bench: GHDL 2.0 has no external names."""
    port, here = "        layer_0_seen : out std_logic_vector(127 downto 0);\n", "    sample <= start_all;\n"
    declared = re.sub(r"(entity network is.*?port \(\n)", lambda found: found[1] + port, network, count=1, flags=re.S)
    return declared.replace(here, here + "    layer_0_seen <= layer_0_feedback;\n")


def read_seen(text: str) -> tuple[spikerplus_rtl.Trace, list[int]]:
    """What the test bench wrote of each image, and cycles per image."""
    found, cycles, updates = [], [], []
    for line in text.splitlines():
        if line.startswith("end "):
            cycles.append(int(line.split()[1]))
            found.append(updates[1:])               # before the first update there is nothing to see
            updates = []
        else:
            hidden, output, *membranes = line.split()
            updates.append(([*map(int, hidden[::-1])], [*map(int, output[::-1])], [*map(int, membranes)]))
    hidden, output, membranes = (np.array([[update[part] for update in image] for image in found]) for part in range(3))
    return spikerplus_rtl.Trace(hidden=hidden.astype(bool), output=output.astype(bool), membranes=membranes), cycles


def _verilog(folder: Path) -> dict:
    text, repairs = ghdl.to_verilog([file.resolve() for file in sorted(folder.glob("*.vhd"))], "network",
                                    folder.parent / f"synthesis-{folder.name}")
    (folder / "peer.v").write_text(text)
    return {"repairs": repairs, "bytes": len(text)}


def core(widths: str) -> frame.Core:
    """Its module `network`."""
    membranes = 10 * int(widths.split(",")[1])
    return frame.Core(module="network", inputs={"in_spikes": 784, "start": 1}, constants={"sample_ready": 1},
                      outputs={"ready": 1, "sample": 1, "out_spikes": 10, "neuron_dp_none_v": membranes},
                      reset=("rst_n", False))
