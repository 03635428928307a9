"""`spikeloom_protocol.h`: the wire protocol's one table as C99 constants, structures and their unpacking."""

from collections.abc import Sequence

from spikeloom.network import READOUTS
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.protocol import Field

NAME = "spikeloom_protocol.h"
STRUCTURES = {"identity": protocol.IDENTITY, "result": protocol.RESULT, "counters": protocol.COUNTERS}
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "8 bytes": 8}
_READERS = """\
static inline uint16_t spikeloom_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | (unsigned)from[1] << 8);
}

static inline uint32_t spikeloom_u32(const uint8_t *from)
{
    return spikeloom_u16(from) | (uint32_t)spikeloom_u16(from + 2) << 16;
}
"""


def text() -> str:
    """The header."""
    parts = [
        "/* Spikeloom's wire protocol. Made from rtl_gen/protocol.py by firmware/c_protocol.py: do not edit. */",
        "#ifndef SPIKELOOM_PROTOCOL_H\n#define SPIKELOOM_PROTOCOL_H",
        "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>",
        '#ifdef __cplusplus\nextern "C" {\n#endif',
        _constants(),
        _enumeration("command", [(c.name, c.code, c.text) for c in protocol.COMMANDS]),
        _enumeration("status", [(s.name, s.code, s.text) for s in protocol.STATUSES]),
        _enumeration("readout", [(identifier(name), k, "") for k, name in enumerate(READOUTS)]),
        _READERS.rstrip(),
        *(_structure(name, table) for name, table in STRUCTURES.items()),
        "#ifdef __cplusplus\n}\n#endif",
        "#endif",
    ]
    return "\n\n".join(parts) + "\n"


def identifier(name: str) -> str:
    """`name` as the end of a constant's name."""
    return name.upper().replace("-", "_")


def _constants() -> str:
    crc = protocol.CRC
    good = b"\0" + crc.compute(b"\0").to_bytes(2, "little")
    values = {
        "VERSION": (protocol.VERSION, "d"), "WATCHED_VERSION": (protocol.WATCHED, "d"),
        "FLAG": (protocol.FLAG, "#x"), "ESCAPE": (protocol.ESCAPE, "#x"),
        "ESCAPE_XOR": (protocol.ESCAPE_XOR, "#x"), "REPLY": (protocol.REPLY, "#x"),
        "CRC_INITIAL": (crc.algorithm.initial_crc, "#x"), "CRC_XOR": (crc.algorithm.xor_output, "#x"),
        # What the register holds after any good body and its CRC.
        "CRC_RESIDUE": (crc.compute(good) ^ crc.algorithm.xor_output, "#x"),
        "READOUTS": (len(READOUTS), "d"),
    }
    return "\n".join(f"#define SPIKELOOM_{name} {value:{style}}u" for name, (value, style) in values.items())


def _enumeration(kind: str, rows: Sequence[tuple[str, int, str]]) -> str:
    lines = []
    for k, (name, code, meaning) in enumerate(rows):
        comma = "," if k < len(rows) - 1 else ""
        lines.append(f"    SPIKELOOM_{kind.upper()}_{name} = {code}{comma}" + (f" /* {meaning} */" if meaning else ""))
    return f"enum spikeloom_{kind}_byte {{\n" + "\n".join(lines) + "\n};"


def _structure(name: str, table: Sequence[Field]) -> str:
    members, unpack, at = [], [], 0
    plain, more = sum(_SIZES[field.kind] for field in protocol.known(table, protocol.VERSION)), False
    for field in table:
        size = _SIZES[field.kind]
        more = field.since > protocol.VERSION
        if field.kind == "8 bytes":
            members.append(f"    uint8_t {field.name}[{size}];")
            unpack += [f"    for (size_t k = 0; k < {size}; k++) {{", f"        to->{field.name}[k] = from[{at} + k];",
                       "    }"]
        else:
            members.append(f"    uint{8 * size}_t {field.name};")
            read = f"from[{at}]" if size == 1 else f"spikeloom_u{8 * size}(from + {at})"
            unpack.append(f"    to->{field.name} = {f'more ? {read} : 0' if more else read};")
        members[-1] += f" /* {field.text} */"
        at += size
    sizes = [f"#define SPIKELOOM_{name.upper()}_BYTES {plain}u"]
    if more:
        sizes += [f"#define SPIKELOOM_{name.upper()}_MORE_BYTES {at}u /* from version {protocol.WATCHED} on */"]
    asked = ", bool more" if more else ""
    return "\n".join([
        *sizes, "",
        f"struct spikeloom_{name} {{", *members, "};", "",
        f"static inline void spikeloom_{name}_unpack(struct spikeloom_{name} *to, const uint8_t *from{asked})",
        "{", *unpack, "}"])
