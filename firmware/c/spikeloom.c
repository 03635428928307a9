/* The requests that every device answers; see spikeloom.h. */

#include "spikeloom_request.h"

enum { DEFAULT_TIMEOUT = 1000, DEFAULT_TRIES = 4 };

const char *spikeloom_meaning(enum spikeloom_error error)
{
#define CASE(name, meaning) case name: return meaning;
    switch (error) {
        SPIKELOOM_ERRORS(CASE)
        case SPIKELOOM_ERROR_COUNT: break;
    }
#undef CASE
    return "";
}

enum spikeloom_error spikeloom_init(struct spikeloom *device, const struct spikeloom_transport *transport,
                                    const struct spikeloom_network *network, uint8_t *buffer, size_t size)
{
    if (device == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    device->transport = NULL;
    if (transport == NULL || transport->write == NULL || transport->flush == NULL || transport->read == NULL
        || transport->now == NULL || buffer == NULL || size < SPIKELOOM_LEAST_BUFFER) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    device->transport = transport;
    device->network = network;
    device->buffer = buffer;
    device->size = size;
    device->timeout_ms = DEFAULT_TIMEOUT;
    device->tries = DEFAULT_TRIES;
    device->sequence = device->refusal = 0;
    device->known = false;
    device->identity.outputs = 0;
    device->identity.score_words = 0;
    device->identity.load_words = 0;
    return SPIKELOOM_OK;
}

static bool is_within(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

static bool makes_sense(const struct spikeloom_identity *who)
{
    return is_within(who->inputs, 1, UINT32_C(1) << 16) && is_within(who->value_bits, 1, 16) && who->value_signed <= 1
        && who->frame_words <= UINT32_C(1) << 28 && is_within(who->timesteps, 1, 4096)
        && is_within(who->outputs, 1, UINT32_C(1) << 16) && is_within(who->score_words, 1, 4)
        && who->readout < SPIKELOOM_READOUTS && who->membrane_words <= 2 && who->readback <= 1
        && who->stream_steps <= 4096;
}

enum spikeloom_error spikeloom_identify_any(struct spikeloom *device)
{
    const uint8_t *payload;
    size_t length;
    bool more;
    enum spikeloom_error error = spikeloom_request(device, SPIKELOOM_COMMAND_IDENTIFY, NULL, &length);
    if (error == SPIKELOOM_BAD_ARGUMENT) {
        return error;
    }
    device->known = false;
    if (error != SPIKELOOM_OK) {
        return error;
    }
    payload = device->buffer + SPIKELOOM_HEADER_BYTES;
    more = length >= 2 && spikeloom_u16(payload) == SPIKELOOM_WATCHED_VERSION;
    if (length < 2 || (spikeloom_u16(payload) != SPIKELOOM_VERSION && !more)) {
        return SPIKELOOM_OTHER_VERSION;
    }
    if (length != (more ? SPIKELOOM_IDENTITY_MORE_BYTES : SPIKELOOM_IDENTITY_BYTES)) {
        return SPIKELOOM_BAD_REPLY;
    }
    spikeloom_identity_unpack(&device->identity, payload, more);
    if (!makes_sense(&device->identity)) {
        device->identity.outputs = 0;
        return SPIKELOOM_BAD_REPLY;
    }
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_identify(struct spikeloom *device)
{
    enum spikeloom_error error = spikeloom_identify_any(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->network != NULL
        && !spikeloom_same(device->identity.digest, device->network->digest, sizeof device->identity.digest)) {
        return SPIKELOOM_OTHER_NETWORK;
    }
    device->known = true;
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_meet(struct spikeloom *device)
{
    if (device == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    return device->known ? SPIKELOOM_OK : spikeloom_identify(device);
}

enum spikeloom_error spikeloom_run(struct spikeloom *device, const uint16_t *words, size_t count,
                                   struct spikeloom_result *result)
{
    struct spikeloom_payload payload = {NULL, 0, words, 0, 0};
    size_t length;
    enum spikeloom_error error;
    if (words == NULL || result == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->identity.frame_words == 0) {
        return SPIKELOOM_NOT_OFFERED;
    }
    if (count != device->identity.frame_words) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    payload.count = payload.whole = device->identity.frame_words;
    error = spikeloom_request(device, SPIKELOOM_COMMAND_RUN, &payload, &length);
    if (error == SPIKELOOM_OK && length != SPIKELOOM_RESULT_BYTES) {
        error = SPIKELOOM_BAD_REPLY;
    }
    if (error == SPIKELOOM_OK) {
        spikeloom_result_unpack(result, device->buffer + SPIKELOOM_HEADER_BYTES);
    }
    return error;
}

enum spikeloom_error spikeloom_read(struct spikeloom *device, int64_t *scores, size_t count,
                                    struct spikeloom_result *result)
{
    const uint8_t *at;
    size_t length;
    uint32_t bytes;
    enum spikeloom_error error;
    if (scores == NULL || result == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (count != device->identity.outputs) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    bytes = spikeloom_score_bytes(&device->identity);
    if (!spikeloom_fits(device, bytes + SPIKELOOM_RESULT_BYTES)) {
        return SPIKELOOM_SMALL_BUFFER;
    }
    error = spikeloom_request(device, SPIKELOOM_COMMAND_READ, NULL, &length);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (length != bytes + SPIKELOOM_RESULT_BYTES) {
        return SPIKELOOM_BAD_REPLY;
    }
    at = device->buffer + SPIKELOOM_HEADER_BYTES;
    for (size_t k = 0; k < count; k++) {
        scores[k] = spikeloom_integer(at, device->identity.score_words);
        at += (size_t)device->identity.score_words << 1;
    }
    spikeloom_result_unpack(result, at);
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_status(struct spikeloom *device, struct spikeloom_counters *counters)
{
    size_t length;
    enum spikeloom_error error;
    if (counters == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_request(device, SPIKELOOM_COMMAND_STATUS, NULL, &length);
    if (error == SPIKELOOM_OK && length != SPIKELOOM_COUNTERS_BYTES && length != SPIKELOOM_COUNTERS_MORE_BYTES) {
        error = SPIKELOOM_BAD_REPLY;
    }
    if (error == SPIKELOOM_OK) {
        spikeloom_counters_unpack(counters, device->buffer + SPIKELOOM_HEADER_BYTES,
                                  length == SPIKELOOM_COUNTERS_MORE_BYTES);
    }
    return error;
}

enum spikeloom_error spikeloom_reset(struct spikeloom *device)
{
    size_t length;
    return spikeloom_request(device, SPIKELOOM_COMMAND_RESET, NULL, &length);
}
