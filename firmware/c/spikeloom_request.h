/* What the driver's requests are made of; see spikeloom.h for the requests. */
#ifndef SPIKELOOM_REQUEST_H
#define SPIKELOOM_REQUEST_H

#include "spikeloom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a request carries: bytes, then `count` words, then zeros up to `whole` words. */
struct spikeloom_payload {
    const uint8_t *bytes;
    size_t length;
    const uint16_t *words;
    uint32_t count, whole;
};

/*
 * Any request, until it is answered: all of the above are made of this. `payload` may be NULL. The reply's payload is
 * behind its SPIKELOOM_HEADER_BYTES in the buffer, as far as it fits; `length` gets the bytes that it has.
 */
enum spikeloom_error spikeloom_request(struct spikeloom *device, enum spikeloom_command_byte command,
                                       const struct spikeloom_payload *payload, size_t *length);

/* Who is there, whatever network it is; it is not known then. */
enum spikeloom_error spikeloom_identify_any(struct spikeloom *device);

/* Ask who is there if that is not known. */
enum spikeloom_error spikeloom_meet(struct spikeloom *device);

/* True if `length` bytes are equal. */
bool spikeloom_same(const uint8_t *one, const uint8_t *other, size_t length);

/* True if a reply's payload of `bytes` bytes fits the buffer. */
bool spikeloom_fits(const struct spikeloom *device, uint32_t bytes);

/* `count` times `few`, which is at most 7: not every small processor can multiply. */
uint32_t spikeloom_times(uint32_t count, unsigned few);

/* Bytes of all scores of a device. */
uint32_t spikeloom_score_bytes(const struct spikeloom_identity *identity);

/* A two's complement integer of 1 to 4 words, as replies hold it. */
int64_t spikeloom_integer(const uint8_t *from, unsigned words);

/* Two integers of 16 bits into the four bytes `to`. */
void spikeloom_put_pair(uint8_t *to, uint16_t one, uint16_t other);

#ifdef __cplusplus
}
#endif

#endif
