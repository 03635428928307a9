/* See spikeloom_framing.h. The rules of the protocol are in Spikeloom's docs/link.md. */

#include "spikeloom_framing.h"

enum { CRC_BYTES = 2 };

/* One byte more into the CRC, without a table: the division of a reflected byte by x^16 + x^12 + x^5 + 1 in closed
   form, as in avr-libc's _crc_ccitt_update. */
static uint16_t crc_of(uint16_t crc, uint8_t byte)
{
    uint8_t low = (uint8_t)(byte ^ (crc & 0xffu));
    low = (uint8_t)(low ^ (uint8_t)((unsigned)low << 4));
    return (uint16_t)((crc >> 8) ^ ((unsigned)low << 8) ^ ((unsigned)low << 3) ^ ((unsigned)low >> 4));
}

static void push(struct spikeloom_framer *framer, uint8_t byte)
{
    if (framer->used == SPIKELOOM_CHUNK) {
        framer->good = framer->good && framer->line->write(framer->line->context, framer->bytes, framer->used);
        framer->used = 0;
    }
    framer->bytes[framer->used++] = byte;
}

static void push_escaped(struct spikeloom_framer *framer, uint8_t byte)
{
    if (byte == SPIKELOOM_FLAG || byte == SPIKELOOM_ESCAPE) {
        push(framer, SPIKELOOM_ESCAPE);
        byte = (uint8_t)(byte ^ SPIKELOOM_ESCAPE_XOR);
    }
    push(framer, byte);
}

void spikeloom_frame_begin(struct spikeloom_framer *framer, const struct spikeloom_transport *line, unsigned flags)
{
    framer->line = line;
    framer->used = 0;
    framer->crc = SPIKELOOM_CRC_INITIAL;
    framer->good = true;
    for (unsigned k = 0; k < flags + 1; k++) {
        push(framer, SPIKELOOM_FLAG);
    }
}

void spikeloom_frame_byte(struct spikeloom_framer *framer, uint8_t byte)
{
    framer->crc = crc_of(framer->crc, byte);
    push_escaped(framer, byte);
}

bool spikeloom_frame_end(struct spikeloom_framer *framer)
{
    uint16_t crc = (uint16_t)(framer->crc ^ SPIKELOOM_CRC_XOR);
    push_escaped(framer, (uint8_t)(crc & 0xffu));
    push_escaped(framer, (uint8_t)(crc >> 8));
    push(framer, SPIKELOOM_FLAG);
    return framer->good && framer->line->write(framer->line->context, framer->bytes, framer->used)
        && framer->line->flush(framer->line->context);
}

void spikeloom_unframer_init(struct spikeloom_unframer *unframer, uint8_t *body, size_t capacity)
{
    unframer->body = body;
    unframer->capacity = capacity;
    unframer->length = 0;
    unframer->damaged = 0;
    unframer->crc = SPIKELOOM_CRC_INITIAL;
    unframer->synced = unframer->escaped = unframer->ended = false;
}

static void begin_body(struct spikeloom_unframer *unframer)
{
    unframer->length = 0;
    unframer->crc = SPIKELOOM_CRC_INITIAL;
    unframer->escaped = unframer->ended = false;
}

bool spikeloom_unframe(struct spikeloom_unframer *unframer, uint8_t byte)
{
    if (unframer->ended) {
        begin_body(unframer);
    }
    if (byte == SPIKELOOM_FLAG) {
        bool any = unframer->synced && unframer->length > 0;
        bool good = unframer->length > CRC_BYTES && !unframer->escaped && unframer->crc == SPIKELOOM_CRC_RESIDUE;
        unframer->synced = true;
        if (any && good) {
            unframer->length -= CRC_BYTES;
            unframer->ended = true;
            return true;
        }
        unframer->damaged += any;
        begin_body(unframer);
    } else if (byte == SPIKELOOM_ESCAPE && !unframer->escaped) {
        unframer->escaped = true;
    } else {
        uint8_t plain = unframer->escaped ? (uint8_t)(byte ^ SPIKELOOM_ESCAPE_XOR) : byte;
        unframer->escaped = false;
        unframer->crc = crc_of(unframer->crc, plain);
        if (unframer->length < unframer->capacity) {
            unframer->body[unframer->length] = plain;
        }
        if (unframer->length < SIZE_MAX) {
            unframer->length++;
        }
    }
    return false;
}
