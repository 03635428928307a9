/*
 * Frames of the wire protocol: to the bytes of a line and back, one byte at a time. See spikeloom.h for the driver.
 */
#ifndef SPIKELOOM_FRAMING_H
#define SPIKELOOM_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spikeloom_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The line to one device: four functions, each given `context`. */
struct spikeloom_transport {
    void *context;
    /* Take all of `bytes`, waiting as long as that takes. False if the line is gone. */
    bool (*write)(void *context, const uint8_t *bytes, size_t length);
    /* Return when all that was written has left. False if the line is gone. */
    bool (*flush)(void *context);
    /* Give what has arrived, at most `capacity` bytes: how many, 0 for none yet, negative if the line is gone. It may
       wait a little for the first byte, but less than a timeout. Flags (0x7e) between frames do not matter. */
    ptrdiff_t (*read)(void *context, uint8_t *bytes, size_t capacity);
    /* A clock in milliseconds that never stops; it may wrap. */
    uint32_t (*now)(void *context);
};

enum { SPIKELOOM_CHUNK = 32 };  /* bytes that are handed to the transport, or taken from it, at once */

/* One frame on its way out. */
struct spikeloom_framer {
    const struct spikeloom_transport *line;
    size_t used;
    uint16_t crc;
    bool good;                  /* the line is still there */
    uint8_t bytes[SPIKELOOM_CHUNK];
};

/* Begin a frame, with `flags` flags in front. */
void spikeloom_frame_begin(struct spikeloom_framer *framer, const struct spikeloom_transport *line, unsigned flags);

/* One byte of its body. */
void spikeloom_frame_byte(struct spikeloom_framer *framer, uint8_t byte);

/* Its CRC and the flag that ends it; returns when all of it has left. False if the line is gone. */
bool spikeloom_frame_end(struct spikeloom_framer *framer);

/* Finds the good frames in the bytes of a line. */
struct spikeloom_unframer {
    uint8_t *body;
    size_t capacity;
    size_t length;              /* bytes since the last flag; of the whole body, once a good frame has ended */
    uint32_t damaged;           /* frames that were */
    uint16_t crc;
    bool synced, escaped, ended;
};

/* Begin anew; the first `capacity` bytes of every body go to `body`. */
void spikeloom_unframer_init(struct spikeloom_unframer *unframer, uint8_t *body, size_t capacity);

/* The next byte of the line. True if it ends a good frame: until the next call, `length` is that of its body. */
bool spikeloom_unframe(struct spikeloom_unframer *unframer, uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
