/* Weights over the link, for a device that has none of its own; see spikeloom.h. */

#include "spikeloom_request.h"

enum { PLACE_BYTES = 4, DIGEST_BYTES = 8, COMMIT_BYTES = 12 };

/* Who is there, and whether it is made for the weights of its network. */
static enum spikeloom_error meet_plan(struct spikeloom *device)
{
    enum spikeloom_error error;
    if (device == NULL || device->network == NULL || device->network->layers == 0) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = spikeloom_identify_any(device);
    if (error == SPIKELOOM_OK
        && !spikeloom_same(device->identity.plan, device->network->plan, sizeof device->identity.plan)) {
        error = SPIKELOOM_OTHER_PLAN;
    }
    return error;
}

static enum spikeloom_error load_piece(struct spikeloom *device, uint16_t layer, uint16_t row, const uint16_t *words,
                                       uint32_t count)
{
    uint8_t place[PLACE_BYTES];
    struct spikeloom_payload payload = {place, sizeof place, words, count, device->identity.load_words};
    size_t length;
    spikeloom_put_pair(place, layer, row);
    return spikeloom_request(device, SPIKELOOM_COMMAND_LOAD, &payload, &length);
}

static enum spikeloom_error verify_piece(struct spikeloom *device, uint16_t layer, uint16_t row, const uint16_t *words,
                                         uint32_t count)
{
    const uint8_t *there = device->buffer + SPIKELOOM_HEADER_BYTES;
    uint8_t place[PLACE_BYTES];
    struct spikeloom_payload payload = {place, sizeof place, NULL, 0, 0};
    size_t length;
    enum spikeloom_error error;
    spikeloom_put_pair(place, layer, row);
    error = spikeloom_request(device, SPIKELOOM_COMMAND_FETCH, &payload, &length);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (length != (size_t)device->identity.load_words << 1) {
        return SPIKELOOM_BAD_REPLY;
    }
    for (uint32_t k = 0; k < count; k++) {
        if (spikeloom_u16(there + 2 * (size_t)k) != words[k]) {
            return SPIKELOOM_WRONG_WEIGHTS;
        }
    }
    return SPIKELOOM_OK;
}

/* Load, or verify, all words of all layers, in pieces of whole rows. */
static enum spikeloom_error each_piece(struct spikeloom *device, bool load)
{
    enum spikeloom_error error = SPIKELOOM_OK;
    for (size_t k = 0; k < device->network->layers && error == SPIKELOOM_OK; k++) {
        const struct spikeloom_weights *weights = &device->network->weights[k];
        uint16_t row = 0;
        if (weights->piece == 0 || weights->piece > device->identity.load_words) {
            return SPIKELOOM_BAD_ARGUMENT;
        }
        for (uint32_t at = 0; at < weights->count && error == SPIKELOOM_OK; at += weights->piece) {
            uint32_t left = weights->count - at;
            uint32_t count = left < weights->piece ? left : weights->piece;
            error = load ? load_piece(device, weights->layer, row, weights->words + at, count)
                         : verify_piece(device, weights->layer, row, weights->words + at, count);
            row = (uint16_t)(row + weights->piece_rows);
        }
    }
    return error;
}

enum spikeloom_error spikeloom_load(struct spikeloom *device)
{
    struct spikeloom_payload payload = {NULL, 0, NULL, 0, 0};
    uint8_t commit[COMMIT_BYTES];
    size_t length;
    enum spikeloom_error error = meet_plan(device);
    if (error == SPIKELOOM_OK) {
        error = each_piece(device, true);
    }
    if (error != SPIKELOOM_OK) {
        return error;
    }
    for (size_t k = 0; k < DIGEST_BYTES; k++) {
        commit[k] = device->network->digest[k];
    }
    spikeloom_put_pair(commit + DIGEST_BYTES, (uint16_t)(device->network->checksum & UINT32_C(0xffff)),
                       (uint16_t)(device->network->checksum >> 16));
    payload.bytes = commit;
    payload.length = device->identity.version < SPIKELOOM_WATCHED_VERSION ? DIGEST_BYTES : COMMIT_BYTES;
    error = spikeloom_request(device, SPIKELOOM_COMMAND_COMMIT, &payload, &length);
    return error == SPIKELOOM_OK ? spikeloom_identify(device) : error;
}

enum spikeloom_error spikeloom_verify(struct spikeloom *device)
{
    enum spikeloom_error error = meet_plan(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->identity.readback == 0) {
        return SPIKELOOM_NOT_OFFERED;
    }
    if (!spikeloom_fits(device, (uint32_t)device->identity.load_words << 1)) {
        return SPIKELOOM_SMALL_BUFFER;
    }
    error = each_piece(device, false);
    return error == SPIKELOOM_OK ? spikeloom_identify(device) : error;
}
