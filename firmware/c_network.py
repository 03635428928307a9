"""`network.h` and `network.c`: one network as the C driver must know it, and how values become the words of a frame."""

import math
import string
import struct
from pathlib import Path

import numpy as np

from spikeloom.firmware import c_protocol
from spikeloom.network import READOUTS, Network
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.protocol import Identity

SOURCES = Path(__file__).with_name("c")
EXAMPLE = "main.c"
_HEADER = 3     # bytes of a reply before its payload
_RESULT = struct.calcsize(protocol.layout(protocol.RESULT))
_PLAIN = frozenset(string.ascii_letters + string.digits + " _-+.,:;()")
_PACK = """\
/* The words of a frame: `values` holds NETWORK_FRAME_VALUES, in C order, timestep after timestep; `to` gets
   NETWORK_FRAME_WORDS. A value outside NETWORK_VALUE_MIN to NETWORK_VALUE_MAX loses its upper bits. */
static inline void network_pack(uint16_t *to, const network_value *values)
{
    for (uint32_t page = 0; page < NETWORK_PAGES; page++) {
        uint32_t left = NETWORK_INPUTS;
        for (uint32_t k = 0; k < NETWORK_PAGE_WORDS; k++) {
            unsigned word = 0;
            for (unsigned lane = 0; lane < NETWORK_WORD_VALUES && left > 0; lane++, left--) {
                word |= ((unsigned)*values++ & NETWORK_SLOT_MASK) << (lane * NETWORK_SLOT_BITS);
            }
            *to++ = (uint16_t)word;
        }
    }
}"""


def files(plan) -> dict[str, str]:
    """Name and contents of everything that a C program for a device made from `plan` needs, and of an example."""
    driver = {path.name: path.read_text() for path in sorted(SOURCES.glob("*.[ch]"))}
    return {**driver, c_protocol.NAME: c_protocol.text(), "network.h": header(plan), "network.c": source(plan)}


def buffer_bytes(identity: Identity) -> int:
    """Bytes of a buffer in which every reply of a device with `identity` has room."""
    payloads = (struct.calcsize(protocol.layout(protocol.IDENTITY)),
                2 * identity.outputs * identity.score_words + _RESULT,
                2 * identity.probe_neurons * identity.membrane_words, 2 * identity.load_words * identity.readback,
                2 * identity.stream_steps * identity.spike_words + 2)
    return _HEADER + max(payloads)


def every_extra(plan) -> Extras:
    """The extras of a device made from `plan` with which its replies are longest."""
    network = plan.network
    return Extras(probe=True, readback=bool(linked.loaded_layers(plan)),
                  stream=0 if linked.no_stream(network) else network.timesteps)


def facts(plan) -> dict[str, object]:
    """What a person wants to know of the files, as JSON types."""
    network, identity = plan.network, linked.identity(plan)
    return {"digest": network.digest, "frame_values": math.prod(network.frame_shape), "outputs": network.outputs,
            "frame_words": words.per_frame(network), "buffer": buffer_bytes(identity),
            "words_to_load": sum(len(given) for _, _, _, given in pieces(plan))}


def header(plan) -> str:
    """`network.h`: digest, shapes, limits, buffer sizes and the layout of a frame, for a device made from `plan`."""
    network, identity = plan.network, linked.identity(plan)
    low, high = network.input.range
    slot = words.slot(network.input.bits)
    sequence = len(network.frame_shape) > 1
    numbers = [
        ("INPUTS", network.input.size, "values of a frame, or of a timestep of a sequence"),
        ("PAGES", network.frame_shape[0] if sequence else 1, "sets of values in a frame"),
        ("VALUE_BITS", network.input.bits, "bits a value"),
        ("SLOT_BITS", slot, "bits of a word that a value takes"),
        ("SLOT_MASK", (1 << slot) - 1, "the bits of a slot"),
        ("WORD_VALUES", words.values(network), "values in a word, lowest first"),
        ("PAGE_WORDS", words.per_page(network), "words of one set of values"),
        ("FRAME_WORDS", words.per_frame(network), "words of a frame"),
        ("TIMESTEPS", network.timesteps, "timesteps of an inference"),
        ("OUTPUTS", network.outputs, "neurons of the last layer"),
        ("SCORE_WORDS", identity.score_words, "words of a score"),
    ]
    readout = READOUTS.index(network.readout)
    lines = [
        f"/* Network {network.digest}. Made by spikeloom firmware: do not edit. */",
        "#ifndef NETWORK_H", "#define NETWORK_H", "", '#include "spikeloom.h"', "",
        "#ifdef __cplusplus", 'extern "C" {', "#endif", "",
        f"#define NETWORK_DIGEST {{{_bytes(network.digest)}}} /* first 8 bytes */",
        *(f"#define NETWORK_{name} {value}u /* {text} */" for name, value, text in numbers),
        f"#define NETWORK_VALUE_MIN ({low}) /* least value */",
        f"#define NETWORK_VALUE_MAX {high} /* greatest value */",
        f"#define NETWORK_READOUT SPIKELOOM_READOUT_{c_protocol.identifier(READOUTS[readout])}",
        "#define NETWORK_FRAME_VALUES (NETWORK_PAGES * NETWORK_INPUTS)",
        f"#define NETWORK_BUFFER {buffer_bytes(identity)}u /* bytes in which every reply has room */",
        f"#define NETWORK_LARGE_BUFFER {buffer_bytes(linked.identity(plan, every_extra(plan)))}u "
        "/* those of a device with extras too */",
        "",
        f"typedef {'' if network.input.signed else 'u'}int{8 if network.input.bits <= 8 else 16}_t network_value;", "",
        "/* What the device must carry. */", "extern const struct spikeloom_network network_expected;", "",
        *_labels_declared(network), _PACK, "", "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""]
    return "\n".join(lines)


def source(plan) -> str:
    """`network.c`: the digest and what is loaded into a device made from `plan`."""
    network, loaded = plan.network, pieces(plan)
    lines = [f"/* Network {network.digest}. Made by spikeloom firmware: do not edit. */", '#include "network.h"', ""]
    for k, _, _, given in loaded:
        lines += [f"static const uint16_t words_{k}[{len(given)}] = {{", *_rows(given), "};", ""]
    if loaded:
        lines += [f"static const struct spikeloom_weights weights[{len(loaded)}] = {{"]
        lines += [f"    {{.layer = {k}, .piece_rows = {rows}, .piece = {rows * row_words}, .count = {len(given)}, "
                  f".words = words_{k}}}," for k, rows, row_words, given in loaded]
        lines += ["};", ""]
    made = linked.plan_digest(plan).hex() if loaded else bytes(8).hex()
    lines += ["const struct spikeloom_network network_expected = {", "    .digest = NETWORK_DIGEST,",
              f"    .plan = {{{_bytes(made)}}},", f"    .checksum = UINT32_C({linked.checksum(plan):#010x}),",
              f"    .layers = {len(loaded)},",
              f"    .weights = {'weights' if loaded else 'NULL'},", "};", ""]
    if network.labels:
        lines += ["const char *const network_labels[NETWORK_OUTPUTS] = {",
                  *(f"    {literal(label)}," for label in network.labels), "};", ""]
    return "\n".join(lines)


def pieces(plan) -> list[tuple[int, int, int, np.ndarray]]:
    """Layer, rows in a LOAD request, words of a row, and all words, of each layer whose weights are loaded."""
    room = linked.identity(plan).load_words
    return [(layer, min(room // row_words, len(given) // row_words), row_words, given)
            for layer, (row_words, given) in linked.weights_to_load(plan).items()]


def literal(text: str) -> str:
    """`text` in UTF-8 as a C string, whatever it holds; an octal escape ends after three digits."""
    return '"' + "".join(char if char in _PLAIN else "".join(f"\\{byte:03o}" for byte in
                         char.encode(errors="replace")) for char in text) + '"'


def _labels_declared(network: Network) -> list[str]:
    if not network.labels:
        return []
    return ["/* The names of the classes, in UTF-8. */", "#define NETWORK_HAS_LABELS",
            "extern const char *const network_labels[NETWORK_OUTPUTS];", ""]


def _bytes(digest: str) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(digest)[:8])


def _rows(given: np.ndarray, per_line: int = 12) -> list[str]:
    values = [f"0x{int(word):04x}," for word in given]
    return ["    " + " ".join(values[k:k + per_line]) for k in range(0, len(values), per_line)]
