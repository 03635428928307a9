/* Membranes after an inference, and inferences timestep by timestep; see spikeloom.h. */

#include "spikeloom_request.h"

enum spikeloom_error spikeloom_membranes(struct spikeloom *device, uint16_t layer, uint16_t first, int32_t *membranes,
                                         size_t count)
{
    uint8_t place[4];
    struct spikeloom_payload payload = {place, sizeof place, NULL, 0, 0};
    uint32_t bytes;
    enum spikeloom_error error;
    if (membranes == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->identity.membrane_words == 0 || device->identity.probe_neurons == 0) {
        return SPIKELOOM_NOT_OFFERED;
    }
    bytes = spikeloom_times((uint32_t)device->identity.probe_neurons << 1, device->identity.membrane_words);
    if (!spikeloom_fits(device, bytes)) {
        return SPIKELOOM_SMALL_BUFFER;
    }
    for (size_t done = 0; done < count;) {
        const uint8_t *at = device->buffer + SPIKELOOM_HEADER_BYTES;
        size_t length;
        spikeloom_put_pair(place, layer, (uint16_t)(first + done));
        error = spikeloom_request(device, SPIKELOOM_COMMAND_PROBE, &payload, &length);
        if (error == SPIKELOOM_OK && length != bytes) {
            error = SPIKELOOM_BAD_REPLY;
        }
        if (error != SPIKELOOM_OK) {
            return error;
        }
        for (unsigned k = 0; k < device->identity.probe_neurons && done < count; k++, done++) {
            membranes[done] = (int32_t)spikeloom_integer(at, device->identity.membrane_words);
            at += (size_t)device->identity.membrane_words << 1;
        }
    }
    return SPIKELOOM_OK;
}

uint32_t spikeloom_page_words(const struct spikeloom_identity *identity)
{
    unsigned shift = 4;     /* 2^shift values in a word */
    for (unsigned slot = 1; slot < identity->value_bits; slot <<= 1) {
        shift--;
    }
    return (identity->inputs + (UINT32_C(1) << shift) - 1) >> shift;
}

uint32_t spikeloom_spike_words(const struct spikeloom_identity *identity)
{
    return (identity->outputs + 15) >> 4;
}

/* `steps` times `words`, if that is `count`. */
static bool is_product(size_t count, unsigned steps, uint32_t words)
{
    while (steps > 0 && count >= words) {
        count -= words;
        steps--;
    }
    return steps == 0 && count == 0;
}

enum spikeloom_error spikeloom_stream(struct spikeloom *device, uint16_t stream, uint16_t timestep,
                                      const uint16_t *words, size_t count, uint16_t *spikes, size_t spike_count,
                                      uint16_t *next)
{
    const uint8_t *at;
    uint8_t head[4];
    struct spikeloom_payload payload = {head, sizeof head, words, 0, 0};
    size_t length;
    enum spikeloom_error error;
    if (words == NULL || spikes == NULL || next == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->identity.stream_steps == 0) {
        return SPIKELOOM_NOT_OFFERED;
    }
    if (!is_product(count, device->identity.stream_steps, spikeloom_page_words(&device->identity))
        || !is_product(spike_count, device->identity.stream_steps, spikeloom_spike_words(&device->identity))) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    if (!spikeloom_fits(device, ((uint32_t)spike_count << 1) + 2)) {
        return SPIKELOOM_SMALL_BUFFER;
    }
    spikeloom_put_pair(head, stream, timestep);
    payload.count = payload.whole = (uint32_t)count;
    error = spikeloom_request(device, SPIKELOOM_COMMAND_STREAM, &payload, &length);
    if (error == SPIKELOOM_OK && length != 2 * spike_count + 2) {
        error = SPIKELOOM_BAD_REPLY;
    }
    if (error != SPIKELOOM_OK) {
        return error;
    }
    at = device->buffer + SPIKELOOM_HEADER_BYTES;
    *next = spikeloom_u16(at);
    for (size_t k = 0; k < spike_count; k++) {
        at += 2;
        spikes[k] = spikeloom_u16(at);
    }
    return SPIKELOOM_OK;
}
