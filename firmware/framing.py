"""Frames of the wire protocol on the host's side: to the bytes of a line and back."""

from spikeloom.rtl_gen.protocol import CRC, ESCAPE, ESCAPE_XOR, FLAG

_CRC_BYTES = 2


def frame(body: bytes) -> bytes:
    """`body` with its CRC, escaped and between flags."""
    checked = body + CRC.compute(body).to_bytes(_CRC_BYTES, "little")
    escaped = bytearray([FLAG])
    for byte in checked:
        escaped += bytes([ESCAPE, byte ^ ESCAPE_XOR]) if byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes(escaped) + bytes([FLAG])


class Unframer:
    """Finds the good frames in the bytes of a line, and counts the damaged ones."""

    def __init__(self):
        self.damaged = 0
        self._body = bytearray()
        self._synced = self._escaped = False

    def feed(self, received: bytes) -> list[bytes]:
        """The bodies (without CRC) of the good frames that end within `received`."""
        bodies = []
        for byte in received:
            if byte == FLAG:
                if self._synced and self._body:
                    self._finish(bodies)
                self._body.clear()
                self._synced, self._escaped = True, False
            elif byte == ESCAPE and not self._escaped:
                self._escaped = True
            else:
                self._body.append(byte ^ ESCAPE_XOR if self._escaped else byte)
                self._escaped = False
        return bodies

    def _finish(self, bodies: list[bytes]) -> None:
        body, crc = bytes(self._body[:-_CRC_BYTES]), self._body[-_CRC_BYTES:]
        if body and not self._escaped and CRC.compute(body) == int.from_bytes(crc, "little"):
            bodies.append(body)
        else:
            self.damaged += 1


class FillRemover:
    """Takes away the flags that fill a line on which bytes come whether there is anything to say or not (SPI)."""

    def __init__(self):
        self._in_frame = False

    def feed(self, received: bytes) -> bytes:
        """`received` with one flag before and one after each frame; nothing if it was all fill."""
        kept = bytearray()
        for byte in received:
            if byte == FLAG and not self._in_frame:
                continue
            if not self._in_frame:
                kept.append(FLAG)
            kept.append(byte)
            self._in_frame = byte != FLAG
        return bytes(kept)
