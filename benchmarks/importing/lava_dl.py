"""Networks that lava-dl exports as .net files, and what its slayer and lava themselves compute: files for the tests.

    python benchmarks/importing/lava_dl.py FOLDER [NAME ..]

Writes NAME.net.gz and NAME.npz: `frames` (samples, timesteps, *shape), what the first synapses see; of each block with
neurons `v{k}`, slayer's integer voltage before a reset, and `s{k}`, its spikes before any delay (samples, timesteps,
neurons); where lava runs the file, `lava_v{k}`, the voltages of its bit-accurate model (after a reset)
of the last sample, a timestep later (lava's first connection takes one). Made with lava-dl 0.6.0, lava-nc 0.10.0,
torch 2.13.0, weights from a seed, in an environment of its own; on Python 3.11 lava's `ByteEncoder` needs
`unsafe_hash=True`.
"""

import gzip
import sys
from pathlib import Path

import h5py
import numpy as np
import torch

SAMPLES, STEPS = 2, 32
SHAPES = {"dense": (12,), "delay": (12,), "conv": (2, 6, 6), "pool": (2, 6, 6), "recurrent": (10,), "bias": (12,),
          "affine": (12,), "edge": (8,), "high": (4,), "low": (100,)}
LAVA = ("dense", "recurrent", "bias", "edge", "high", "low")


def cuba(threshold: int = 80, current: int = 1024, voltage: int = 300, **more) -> dict:
    """slayer's parameters for `vThMant`, `iDecay` and `vDecay`."""
    return {"threshold": threshold / 64, "current_decay": current / 4096, "voltage_decay": voltage / 4096, **more}


def build(name: str) -> tuple[list, dict[int, list[int]]]:
    """The blocks, and the delay of each channel of some."""
    from lava.lib.dl.slayer import block
    from lava.lib.dl.slayer.neuron import norm
    part = block.cuba
    if name == "dense":
        return [part.Input(delay_shift=False), part.Dense(cuba(), 12, 10), part.Dense(cuba(120, 700, 90), 10, 5)], {}
    if name == "delay":
        return [part.Input(delay_shift=False), part.Dense(cuba(), 12, 6, delay=True),
                part.Dense(cuba(60, 2000, 200), 6, 6, delay=True),
                part.Dense(cuba(70, 700, 90), 6, 4, delay=True)], {1: [0, 3, 9, 1, 1, 5], 2: [4] * 6, 3: [2, 0, 7, 2]}
    if name == "conv":
        return [part.Input(delay_shift=False), part.Conv(cuba(100), 2, 4, (3, 2), stride=(2, 1), padding=1),
                part.Conv(cuba(90, 3000, 0), 4, 3, 2, groups=1), part.Flatten(), part.Dense(cuba(90), 36, 4)], {}
    if name == "pool":
        return [part.Input(delay_shift=False), part.Conv(cuba(70), 2, 4, 3, padding=1, groups=2, dilation=1),
                part.Pool(cuba(40, 4096, 4096), 2, delay=True), part.Conv(cuba(90), 4, 2, 2, dilation=2, delay=True),
                part.Flatten(), part.Dense(cuba(90), 2, 4)], {2: [1, 0, 2, 1], 3: [2, 2]}
    if name == "recurrent":
        return [part.Input(delay_shift=False), part.Recurrent(cuba(90), 10, 8), part.Dense(cuba(60), 8, 3)], {}
    if name == "bias":
        return [part.Input(delay_shift=False), part.Dense(cuba(80, 4096, 250, norm=norm.MeanOnlyBatchNorm), 12, 10),
                part.Dense(cuba(90), 10, 4)], {}
    if name == "affine":
        return [part.Input(delay_shift=False), part.Dense(cuba(), 12, 10), part.Affine(cuba(100, 500, 130), 10, 4)], {}
    if name == "high":
        return [part.Input(delay_shift=False), part.Dense(cuba(4096, 4096, 0), 4, 4)], {}
    if name == "low":
        return [part.Input(delay_shift=False), part.Dense(cuba(80, 4096, 0), 100, 3)], {}
    return [part.Input(delay_shift=False), part.Dense(cuba(128, 4096, 0), 8, 8),
            part.Dense(cuba(64, 0, 4096), 8, 4)], {}


def weigh(name: str, blocks: list, rng: np.random.Generator) -> None:
    """Weights of which some excite, some inhibit; in "edge", ones that meet thresholds exactly."""
    for k, part in enumerate(blocks):
        for one in ("synapse", "input_synapse", "recurrent_synapse"):
            synapse = getattr(part, one, None)
            if synapse is None:
                continue
            shape = tuple(synapse.weight.shape)
            fan = shape[1] * int(np.prod(shape[2:]))
            values = rng.normal(0.15, 1, shape) / np.sqrt(fan) * (0.5 if one == "recurrent_synapse" else 1.6)
            if name == "high":
                values = 2.0 * (1 - np.eye(*shape[:2])).reshape(shape)
            elif name == "low":
                values = rng.choice([-4, -3.5, 1], shape)
            elif name == "edge":
                values = rng.choice([-1, 0, 0.5, 1], shape) * (1 if k == 1 else 0.25)
            synapse.weight.data = torch.tensor(values, dtype=torch.float)
        if type(part).__name__ == "Pool":
            part.synapse.weight.data[:] = 0.4
        if getattr(getattr(part, "neuron", None), "norm", None) is not None:
            part.neuron.norm.num_features = 10
            part.neuron.norm.running_mean = torch.tensor(rng.normal(0, 0.1, 10), dtype=torch.float)


def watch(blocks: list) -> list[list[np.ndarray]]:
    """Voltages of each block with neurons, appended as they are computed."""
    found = []
    for part in blocks:
        neuron = getattr(part, "neuron", None)
        if neuron is None:
            continue
        found.append([])

        def spied(z, step=neuron.dynamics, kept=found[-1], neuron=neuron):
            current, voltage = step(z)
            kept.append(whole(voltage.detach().numpy() * neuron.s_scale))
            return current, voltage
        neuron.dynamics = spied
    return found


def whole(values: np.ndarray) -> np.ndarray:
    found = np.rint(values).astype(np.int32)
    if not np.array_equal(found, values):
        raise ValueError("slayer's states must be integers in LSB")
    return found


def run(blocks: list, frames: np.ndarray, delays: dict[int, list[int]]) -> dict[str, np.ndarray]:
    """slayer's traces; the frames are what leaves the input block."""
    x = torch.tensor(np.moveaxis(frames, 1, -1), dtype=torch.float)
    with torch.no_grad():
        if delays:
            y = x
            for k, part in enumerate(blocks):
                y = part(y)
                if k in delays:
                    part.delay.delay.data = torch.tensor(delays[k], dtype=torch.float)
        states, traces, k = watch(blocks), {}, 0
        blocks[0](x)
        for part in blocks[1:]:
            x = part(x)
            if getattr(part, "neuron", None) is None:
                continue
            v = np.concatenate(states[k], axis=-1)
            fires = part.neuron.threshold is not None and part.neuron.threshold > 0
            s = v > part.neuron.v_th_mant * 64 if fires else np.zeros_like(v)
            for letter, value in (("v", v), ("s", s.astype(np.uint8))):
                traces[f"{letter}{k}"] = np.moveaxis(value, -1, 1).reshape(SAMPLES, STEPS, -1)
            if fires and not part.delay:
                sent = np.moveaxis(x.numpy(), -1, 1).reshape(SAMPLES, STEPS, -1)
                if not np.array_equal(sent[:, 1:], traces[f"s{k}"][:, :-1]) or sent[:, 0].any():
                    print(f"    block {k}: slayer sends other spikes than V > threshold")
            k += 1
    return traces


def bit_accurate(path: Path, frame: np.ndarray) -> list[np.ndarray]:
    """Voltages after reset `(timesteps, neurons)` of each layer in lava's bit-accurate model."""
    from lava.lib.dl import netx
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer
    from lava.proc.monitor.process import Monitor
    shape = frame.shape[1:]
    net = netx.hdf5.Network(net_config=str(path), **({"input_shape": shape[::-1]} if len(shape) == 3 else {}))
    data = np.moveaxis(frame, 0, -1)
    source = RingBuffer(data=(data.transpose(2, 1, 0, 3) if len(shape) == 3 else data).astype(np.int32))
    source.s_out.connect(net.inp)
    monitors = []
    for layer in net.layers:
        monitor = Monitor()
        monitor.probe(layer.neuron.v, STEPS)
        monitors.append(monitor)
    net.run(condition=RunSteps(num_steps=STEPS), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    found = []
    for monitor in monitors:
        values = next(iter(next(iter(monitor.get_data().values())).values()))
        found.append((values.transpose(0, 3, 2, 1) if values.ndim == 4 else values).reshape(STEPS, -1).astype(np.int32))
    net.stop()
    return found


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(SHAPES)
    torch.set_num_threads(1)
    for name in names:
        rng = np.random.default_rng(SHAPES[name][0] + len(name))
        torch.manual_seed(1)
        frames = (rng.random((SAMPLES, STEPS, *SHAPES[name])) < np.array([0.1, 0.4]).reshape(
            2, 1, *[1] * len(SHAPES[name]))).astype(np.uint8)
        blocks, delays = build(name)
        weigh(name, blocks, rng)
        for part in blocks:
            part.eval()
        traces = run(blocks, frames, delays)
        path = folder / f"{name}.net"
        with h5py.File(path, "w") as file:
            layers = file.create_group("layer")
            for k, part in enumerate(blocks):
                part.export_hdf5(layers.create_group(str(k)))
        if name in LAVA:
            traces |= {f"lava_v{k}": v for k, v in enumerate(bit_accurate(path, frames[-1]))}
        (folder / f"{name}.net.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
        np.savez_compressed(folder / f"{name}.npz", frames=frames, **traces)
        rates = [f"{traces[key].mean():.3f}" for key in traces if key[0] == "s"]
        print(f"{name}: {sum(p.stat().st_size for p in folder.glob(f'{name}.*'))} bytes, rates {', '.join(rates)}")
        for k in range(sum(key.startswith("lava_v") for key in traces)):
            after = np.where(traces[f"s{k}"][-1] > 0, 0, traces[f"v{k}"][-1])
            late = traces[f"lava_v{k}"][1:]
            print(f"    lava, block {k}: {int((late != after[:len(late)]).sum())} of {late.size} voltages differ")


if __name__ == "__main__":
    main()
