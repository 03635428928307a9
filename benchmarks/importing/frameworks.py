"""What SpikingJelly, sinabs and Norse export as NIR, and the spikes that they themselves fire: files for the tests.

    python benchmarks/importing/frameworks.py FOLDER [NAME ..]

Writes NAME.nir.gz and NAME.npz (frames, and the spikes of each layer of neurons); NAME: spikingjelly, sinabs or norse.
Each needs its framework and nirtorch, in an environment of its own: made with spikingjelly 2.0.0, sinabs 3.1.3 and
norse 1.1.0, nirtorch 2.6, nir 1.0.8, torch 2.13.0. Everything fires in float64, on weights from a seed.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikeloom.errors import SpikeloomError

STEPS, SAMPLES = 40, 3


def spikingjelly(folder: Path, frames: np.ndarray) -> dict[int, list[np.ndarray]]:
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir
    net = scaled(nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1), neuron.LIFNode(tau=2.5, v_threshold=0.4), layer.AvgPool2d(2), layer.Flatten(),
        layer.Linear(27, 8), neuron.IFNode(v_threshold=0.8), layer.Linear(8, 5),
        neuron.LIFNode(tau=3.0, decay_input=False, v_threshold=0.5)), 2)
    export_to_nir(net, torch.tensor(frames[:, 0]).float(), folder / "spikingjelly.nir", dt=1e-4)
    functional.reset_net(net)
    return fired(net, frames, neuron.BaseNode)


def sinabs(folder: Path, frames: np.ndarray) -> dict[int, list[np.ndarray]]:
    import nir
    from sinabs import layers
    from sinabs.activation import SingleSpike
    from sinabs.nir import to_nir
    net = scaled(nn.Sequential(nn.Linear(36, 20), layers.IAFSqueeze(spike_fn=SingleSpike, batch_size=1),
                               nn.Linear(20, 8), layers.LIFSqueeze(
                                   tau_mem=torch.full((8,), 12.0), batch_size=1, spike_fn=SingleSpike,
                                   spike_threshold=torch.full((8,), 0.1))), 2)
    nir.write(folder / "sinabs.nir", to_nir(net, torch.tensor(frames[0]).flatten(1).float()))
    net, found = net.double(), {1: [], 3: []}
    for sample in frames:
        x = torch.tensor(sample).flatten(1).double()
        for k, part in enumerate(net):
            if k in found:
                part.reset_states()
            x = part(x)
            if k in found:
                x = x.detach().double()
                found[k].append(x.numpy())
    return {k: list(np.stack(spikes).swapaxes(0, 1)) for k, spikes in found.items()}


def norse(folder: Path, frames: np.ndarray) -> dict[int, list[np.ndarray]]:
    import nir
    import norse.torch as nt
    from norse.torch.utils.export_nir import to_nir
    leak = nt.LIFBoxParameters(tau_mem_inv=torch.full((20,), 150.0), v_th=torch.full((20,), 0.3),
                               v_leak=torch.zeros(20))
    net = scaled(nt.SequentialState(nn.Linear(36, 20), nt.LIFBoxCell(leak), nn.Linear(20, 8),
                                    nt.IAFCell(nt.IAFParameters(v_th=torch.full((8,), 0.9)))), 2)
    nir.write(folder / "norse.nir", to_nir(net, torch.tensor(frames[0, 0]).flatten().float()))
    net, state, found = net.double(), {1: None, 3: None}, {1: [], 3: []}
    for t in range(STEPS):
        x = torch.tensor(frames[:, t]).flatten(1).double()
        for k, part in enumerate(net):
            if k in state:
                x, state[k] = part(x, state[k])
                found[k].append(x.detach().numpy())
            else:
                x = part(x)
    return found


def scaled(net: nn.Module, factor: float) -> nn.Module:
    """So that layers fire."""
    with torch.no_grad():
        for weights in net.parameters():
            if weights.ndim > 1:
                weights.mul_(factor)
    return net.eval()


def fired(net: nn.Sequential, frames: np.ndarray, kind: type) -> dict[int, list[np.ndarray]]:
    """Spikes of each module of `kind` in each timestep, `(samples, *shape)`."""
    net, found = net.double(), {}
    with torch.no_grad():
        for t in range(STEPS):
            x = torch.tensor(frames[:, t]).double()
            for k, part in enumerate(net):
                x = part(x)
                if isinstance(part, kind):
                    found.setdefault(k, []).append(x.numpy())
                    x = x.double()
    return found


MAKERS = {"spikingjelly": spikingjelly, "sinabs": sinabs, "norse": norse}


def main(folder: str, *names: str) -> None:
    for name in names or MAKERS:
        torch.manual_seed(0)
        frames = (np.random.default_rng(0).random((SAMPLES, STEPS, 1, 6, 6)) < 0.3).astype(np.uint8)
        spikes = {f"spikes{k}": np.stack(parts, axis=1).reshape(SAMPLES, STEPS, -1) for k, parts in
                  MAKERS[name](Path(folder), frames).items()}
        if not all(np.isin(values, (0, 1)).all() for values in spikes.values()):
            raise SpikeloomError(f"{name} must fire at most once a timestep")
        graph = Path(folder) / f"{name}.nir"
        graph.with_suffix(".nir.gz").write_bytes(gzip.compress(graph.read_bytes(), mtime=0))
        graph.unlink()
        np.savez_compressed(Path(folder) / f"{name}.npz", frames=frames,
                            **{layer: values.astype(np.uint8) for layer, values in spikes.items()})
        print(name, {layer: round(float(values.mean()), 3) for layer, values in spikes.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
