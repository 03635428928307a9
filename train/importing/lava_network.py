"""A lava-dl network as a `Network`: the same integers, states and spikes, bit for bit.

A layer of the file becomes one of the contract; states are in the chip's LSB, 2^-6 of a weight's. slayer's blocks
send their spikes a timestep later, as the chip does: so do all layers here but the last.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from spikeloom import check, codebooks, encoders
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer
from spikeloom.network import Input, Network
from spikeloom.neurons.lif import Lif
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.dense import Dense
from spikeloom.train.importing import lava_neurons
from spikeloom.train.importing.lava import UNITY, Block, Net
from spikeloom.train.importing.lava_delays import stages
from spikeloom.train.importing.lava_neurons import SHIFT, STATE_BITS

IMAGE_BITS, TIMESTEPS = 13, 64
FLOAT32_LOSES = 4096
"""From this vThMant on, slayer's 0.01 LSB above the threshold is lost in float32."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LavaImport:
    """A network that was brought in.

    Parameters
    ----------
    network : the integers.
    names : each layer's block in the file, None for layers that only delay.
    assumptions : in words, what the file did not say.
    """

    network: Network
    names: tuple[str | None, ...]
    assumptions: tuple[str, ...]


def build(net: Net, *, timesteps: int | None = None, readout: str | None = None, delay_shift: int = 1) -> LavaImport:
    """The network of a `.net` file. What the contract cannot say exactly is refused with the layer's name.

    Parameters
    ----------
    timesteps : of an inference; None: the file's, or 64.
    readout : None: "count" where the last layer fires, else "membrane-last".
    delay_shift : timesteps that spikes take to the next layer beside what the file says: 1 as in slayer's blocks; 0
        as blocks with `delay_shift=False`, and chips whose layers are reset one after the other, each when the
        sample reaches it. Without biases both give the same spikes, sooner or later.
    """
    check.integer("delay shift", delay_shift, 0, 1)
    return _Builder(net, delay_shift).build(timesteps, readout)


class _Builder:
    def __init__(self, net: Net, delay_shift: int):
        self.net, self.delay_shift, self.layers, self.names, self.said = net, delay_shift, [], [], []
        self.shape: tuple[int, ...] | None = None
        self.input: Input | None = None
        self.encoder: object | None = None
        self.wide_currents, self.wide_voltages = [], []

    def build(self, timesteps: int | None, readout: str | None) -> LavaImport:
        for block in self.net.blocks:
            try:
                getattr(self, f"_{block.kind}")(block)
            except SpikeloomError as error:
                raise SpikeloomError(f"{block.name}: {error}") from None
        if not self.layers:
            raise SpikeloomError("a .net file must hold a layer with neurons")
        late = self.layers[-1].delay
        if late:
            self.layers[-1] = replace(self.layers[-1], delay=0)
            self.said.append(f"the answer is there {late} timestep{'s' * (late > 1)} sooner than slayer's last block "
                             "sends it")
        if timesteps is None:
            timesteps = self.net.timesteps or TIMESTEPS
            where = "the file says so" if self.net.timesteps else "the file does not say it"
            self.said.append(f"an inference is {timesteps} timesteps: {where}")
        if self.wide_currents:
            self.said.append(f"currents are clipped to {STATE_BITS} bits; there lava wraps and slayer goes on: "
                             f"{', '.join(self.wide_currents)}")
        if self.wide_voltages:
            self.said.append(f"voltages are clipped to {STATE_BITS} bits, as in lava; slayer goes on: "
                             f"{', '.join(self.wide_voltages)}")
        fires = self.layers[-1].fires
        readout = readout or ("count" if fires else "membrane-last")
        passed = "a timestep later" if self.delay_shift else "in the same timestep"
        said = (f"the next layer sees spikes {passed}, and what the file says later", *self.said,
                f"the readout is {readout}")
        network = Network(input=self.input, encoder=self.encoder, layers=tuple(self.layers), readout=readout,
                          timesteps=timesteps, provenance={"method": "import", "format": "lava-dl",
                                                           "layers": list(self.names), "assumptions": list(said)})
        return LavaImport(network=network, names=tuple(self.names), assumptions=said)

    def _input(self, block: Block) -> None:
        if self.shape is not None:
            raise SpikeloomError("must be the first layer")
        self.shape = block.shape
        if block.neuron is None:
            self._spikes()
            return
        self.input = Input(shape=block.shape, bits=IMAGE_BITS, signed=True)
        self.encoder = encoders.make("direct")
        made = " + ".join(f"{int(value.flat[0])}{mark}" for value, mark in ((block.weight, " x"), (block.bias, ""))
                          if value is not None and value.size == 1)
        self.said.append(f"a frame is what {block.name} adds in each timestep, in 2^6 LSB: {made or 'x'}, made whole")
        synapses = Conv(weights=np.full((1, 1, 1), 1 << SHIFT), codebook=codebooks.make("binary", fraction=SHIFT),
                        input=(1, block.size))
        self._append(block, synapses, bias=np.zeros(block.size, dtype=np.int64))

    def _spikes(self) -> None:
        self.input = Input(shape=self.shape)
        self.said.append("frames are the spikes that reach the first weights: (timesteps, "
                         f"{', '.join(map(str, self.shape))})")

    def _flatten(self, block: Block) -> None:
        if self.shape is None:
            raise SpikeloomError("must come after a layer")
        self.shape = (math.prod(self.shape),)

    def _dense(self, block: Block) -> None:
        weight = self._matrix(block, block.weight)
        if self.shape is None:
            self.shape = (weight.shape[1],)
            self._spikes()
        recurrent = None
        if block.recurrent is not None:
            recurrent = self._book(self._matrix(block, block.recurrent), Dense)
            if block.delay is not None and block.delay.any():
                self.said.append(f"{block.name}: its own spikes reach it after one timestep, as in slayer; "
                                 "lava delays them too")
        self.shape = (len(weight),)
        self._append(block, self._book(weight, Dense), bias=self._bias(block, block.size), recurrent=recurrent)

    _dense_rec = _dense

    def _conv(self, block: Block) -> None:
        rows = self._map(block)
        kernel = block.weight.reshape(block.weight.shape[:4]) if block.weight.ndim in (4, 5) else None
        if kernel is None or kernel.shape[0] != block.shape[0]:
            raise SpikeloomError(f"weight must be ({block.shape[0]}, channels, rows, columns), "
                                 f"not {block.weight.shape}")
        self._window(block, kernel, rows, block.groups)

    def _pool(self, block: Block) -> None:
        """slayer's pools are neurons behind the sums of windows, each with one weight for all channels."""
        rows = self._map(block)
        kernel = block.weight.reshape(block.weight.shape[:4]) if block.weight.ndim in (4, 5) else None
        if kernel is None or kernel.shape[:2] != (1, 1):
            raise SpikeloomError(f"weight must be (1, 1, rows, columns), not {block.weight.shape}")
        self._window(block, np.repeat(kernel, rows[0], axis=0), rows, rows[0])

    def _average(self, block: Block) -> None:
        """The mean of groups of neurons, added up over time: times the size of a group, it is whole."""
        size, groups = math.prod(self.shape or (0,)), block.shape[0]
        if not self.layers or not self.layers[-1].fires or size % groups:
            raise SpikeloomError(f"must come after a multiple of {groups} neurons that fire, not {size}")
        weights = np.repeat(np.eye(groups, dtype=np.int64), size // groups, axis=1)
        self.layers.append(Layer(synapses=Dense(weights=weights, codebook=codebooks.make("ternary")),
                                 neurons=Lif(neurons=groups, threshold=None, membrane_bits=STATE_BITS)))
        self.names.append(block.name)
        self.shape = (groups,)
        self.said.append(f"{block.name}: the spikes of {size // groups} neurons, added up over time")

    def _matrix(self, block: Block, weight: np.ndarray) -> np.ndarray:
        """`(outputs, inputs)`; older files have it flat where there is one output."""
        matrix = weight.reshape(block.size, -1) if weight.ndim == 1 and not weight.size % block.size else weight
        if matrix.ndim != 2 or len(matrix) != block.size:
            raise SpikeloomError(f"weight must be ({block.size}, inputs), not {weight.shape}")
        return matrix

    def _map(self, block: Block) -> tuple[int, int, int]:
        if self.shape is None or len(self.shape) != 3 or len(block.shape) != 3:
            raise SpikeloomError(f"must come after a map (channels, rows, columns), not {self.shape}")
        return self.shape

    def _window(self, block: Block, kernel: np.ndarray, sizes: tuple[int, int, int], groups: int) -> None:
        rows, columns = ((size - 1) * step + 1 for size, step in zip(kernel.shape[2:], block.dilation, strict=True))
        check.integer("kernel, dilated,", max(rows, columns), 1, max(sizes[1:]) + 2 * max(block.padding))
        wide = np.zeros((*kernel.shape[:2], rows, columns), dtype=np.int64)
        wide[:, :, ::block.dilation[0], ::block.dilation[1]] = kernel
        synapses = self._book(wide, Conv, input=sizes, stride=block.stride, padding=block.padding, groups=groups)
        if synapses.output != block.shape:
            raise SpikeloomError(f"shape must be {synapses.output}, which its windows make, "
                                 f"not {block.shape}")
        self.shape = block.shape
        self._append(block, synapses, bias=self._bias(block, block.shape[0]))

    @staticmethod
    def _book(weights: np.ndarray, kind: type, **more: object) -> object:
        """Synapses of the narrowest two's complement codebook that holds the weights, in LSB of the states."""
        weights = weights << SHIFT
        every = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
        fraction = min((every & -every).bit_length() - 1, codebooks.MAX_FRACTION) if every else SHIFT
        low, high = int(weights.min()) >> fraction, int(weights.max()) >> fraction
        bits = max(2, high.bit_length() + 1, (-low - 1).bit_length() + 1 if low < 0 else 0)
        return kind(weights=weights, codebook=codebooks.make("integer", bits=bits, fraction=fraction), **more)

    @staticmethod
    def _bias(block: Block, channels: int) -> np.ndarray:
        """One a neuron, in LSB; the contract adds it to the current, the chip to the voltage."""
        bias = np.zeros(1, dtype=np.int64) if block.bias is None else block.bias.reshape(-1) << SHIFT
        if len(bias) not in (1, channels):
            raise SpikeloomError(f"bias must be one number, or {channels}, not {len(bias)}")
        if bias.any() and block.neuron is not None and block.neuron.i_decay != UNITY:
            raise SpikeloomError(f"bias must be 0 with iDecay {block.neuron.i_decay}: it goes past the "
                                 f"current to the voltage, which the contract says only of iDecay {UNITY}")
        return np.repeat(np.broadcast_to(bias, (channels,)), block.size // channels)

    def _append(self, block: Block, synapses: object, bias: np.ndarray, recurrent: Dense | None = None) -> None:
        if self.layers and not self.layers[-1].fires:
            raise SpikeloomError(f"must come after a layer that fires, not after {self.names[-1]}")
        if synapses.inputs != self.sent:
            raise SpikeloomError(f"must have {self.sent} inputs, not {synapses.inputs}")
        values = self.input.range if not self.layers else (0, 1)
        low, high = synapses.sum_range(values)
        if recurrent is not None:
            more = recurrent.sum_range((0, 1))
            low, high = low + more[0], high + more[1]
        neurons = lava_neurons.make(block.neuron, bias, low + int(bias.min()), high + int(bias.max()))
        self._say(block, neurons)
        self.layers.append(Layer(synapses=synapses, neurons=neurons, recurrent=recurrent))
        self.names.append(block.name)
        if neurons.fires:
            self._delay(block)

    @property
    def sent(self) -> int:
        """Number of values that the next layer sees."""
        return self.layers[-1].size if self.layers else self.input.size

    def _delay(self, block: Block) -> None:
        channels = self.shape[0] if block.kind != "input" else 1
        delay = np.zeros(1, dtype=np.int64) if block.delay is None else block.delay
        if len(delay) not in (1, channels):
            raise SpikeloomError(f"delay must be one number, or {channels}, not {len(delay)}")
        least = int(delay.min())
        self.layers[-1] = replace(self.layers[-1], delay=self.delay_shift + least)
        more = stages(delay - least, self.shape, len(self.layers) - 1)
        self.layers += more
        self.names += [None] * len(more)

    def _say(self, block: Block, neurons: Lif) -> None:
        """Where lava and slayer differ, or may do so."""
        if block.neuron is None:
            self.said.append(f"{block.name} has no neurons: its sums are added up over time, as lava does")
        elif neurons.fires and block.neuron.threshold >= FLOAT32_LOSES:
            self.said.append(f"{block.name} fires above its threshold, as in lava; slayer, whose reals are too coarse "
                             f"from vThMant {FLOAT32_LOSES} on, sends a spike at it too")
        if neurons.current_based and neurons.synaptic_bits == STATE_BITS:
            self.wide_currents.append(block.name)
        if neurons.floor is not None:
            self.wide_voltages.append(block.name)
