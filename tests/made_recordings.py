"""A few events in every format, byte by byte as its description says: for tests of the readers, and to be damaged."""

import struct

EVENTS = [(100, 3, 5, 1), (100, 33, 7, 0), (70_000, 0, 63, 1)]        # t, x, y, p


def nmnist() -> bytes:
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for t, x, y, p in EVENTS)


def bs3() -> bytes:
    return b"".join((x << 44 | y << 32 | p << 24 | t).to_bytes(7, "big") for t, x, y, p in EVENTS)


def dat() -> bytes:
    head = b"% Data file containing CD events\n% Version 2\n% Width 64\n% Height 64\n\x0c\x08"
    return head + b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in EVENTS)


def aedat2() -> bytes:
    """As a DVS128 has it: x from the right, y from below, 0 for on; one event that is none."""
    head = b"#!AER-DAT2.0\r\n# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n"
    real = [struct.pack(">II", (127 - y) << 8 | (127 - x) << 1 | 1 - p, t) for t, x, y, p in EVENTS]
    return head + struct.pack(">II", 1 << 15, 5) + b"".join(real)


def davis() -> bytes:
    head = b"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.davis.Davis346red\r\n"
    real = [struct.pack(">II", (259 - y) << 22 | (345 - x) << 12 | p << 11, t) for t, x, y, p in EVENTS]
    return head + struct.pack(">II", 1 << 31, 5) + b"".join(real) + struct.pack(">II", 1 << 10, 9)


def aedat3() -> bytes:
    """A packet of special events, then one of polarities, of which one is not valid."""
    words = [struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in EVENTS]
    words.insert(1, struct.pack("<II", 0, 7))
    packet = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 4, 4, 3) + b"".join(words)
    return (b"#!AER-DAT3.1\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
            + struct.pack("<hhiiiiii", 0, 1, 8, 4, 0, 1, 1, 1) + bytes(8) + packet)


def evt2() -> bytes:
    words, high = [1 << 28 | 5 << 11 | 5], None     # before the first time: left out
    for t, x, y, p in EVENTS:
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high)
        words += [p << 28 | (t & 63) << 22 | x << 11 | y, 10 << 28]
    return b"% evt 2.0\n% geometry 64x64\n% end\n" + struct.pack(f"<{len(words)}I", *words)


def evt3() -> bytes:
    words, high = [5, 0x2005], None                 # before the first time: left out
    for t, x, y, p in EVENTS:
        if t >> 12 != high:
            high = t >> 12
            words.append(0x8000 | high)
        words += [0x6000 | t & 0xfff, y, 0x2000 | p << 11 | x, 0xa001]
    return b"% format EVT3;height=64;width=64\n% end\n" + struct.pack(f"<{len(words)}H", *words)


def text() -> bytes:
    return b"# t,x,y,p\n" + "\n".join(", ".join(map(str, event)) for event in EVENTS).encode()


def bs1() -> bytes:
    return b"".join(struct.pack(">H", x) + (p << 23 | t).to_bytes(3, "big") for t, x, _, p in EVENTS)


def attributes(**values: object) -> str:
    return "".join(f'<attr key="{key}" type="{"int" if isinstance(value, int) else "string"}">{value}</attr>'
                   for key, value in values.items())


def aedat4() -> bytes:
    """Two flatbuffers, nothing compressed: what streams there are, as XML, and a packet of the first one."""
    about = attributes(compression="NONE", originalModuleName="m", originalOutputName="events",
                       typeDescription="events", typeIdentifier="EVTS")
    text = ('<dv version="2.0"><node name="outInfo" path="/outInfo/"><node name="0" path="/outInfo/0/">' + about
            + '<node name="info" path="/outInfo/0/info/">' + attributes(sizeX=64, sizeY=64, source="m")
            + "</node></node></node></dv>").encode()
    head = (struct.pack("<I4s6x5H", 24, b"IOHE", 10, 20, 4, 12, 8) + struct.pack("<iiIq", 10, 0, 12, -1)
            + struct.pack("<I", len(text)) + text + b"\0")
    head += bytes(-len(head) % 4)
    packet = (struct.pack("<I4s2x3H", 16, b"EVTS", 6, 8, 4) + struct.pack("<iI4xI", 6, 8, len(EVENTS))
              + b"".join(struct.pack("<qhhB3x", *event) for event in EVENTS))
    return (b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(head)) + head
            + struct.pack("<iiI", 0, len(packet) + 4, len(packet)) + packet)
