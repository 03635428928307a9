/* See spikeloom.h. The rules of the protocol are in Spikeloom's docs/link.md. */

#include "spikeloom.h"

enum {
    NOISE = 4096,           /* bytes of anything else, during which a reply is waited for */
    DEFAULT_TIMEOUT = 1000,
    DEFAULT_TRIES = 4
};

/* What a request carries: bytes, then `count` words, then zeros up to `whole` words. */
struct payload {
    const uint8_t *bytes;
    size_t length;
    const uint16_t *words;
    uint32_t count, whole;
};

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

/* One frame onto the line. False if that is gone. */
static bool send(const struct spikeloom *device, uint8_t command, const struct payload *payload, bool again)
{
    struct spikeloom_framer framer;
    /* Flags in front end whatever noise the device has taken for a frame. */
    spikeloom_frame_begin(&framer, device->transport, again ? 2 : 0);
    spikeloom_frame_byte(&framer, command);
    spikeloom_frame_byte(&framer, device->sequence);
    for (size_t k = 0; k < payload->length; k++) {
        spikeloom_frame_byte(&framer, payload->bytes[k]);
    }
    for (uint32_t k = 0; k < payload->whole && framer.good; k++) {
        uint16_t word = k < payload->count ? payload->words[k] : 0;
        spikeloom_frame_byte(&framer, (uint8_t)(word & 0xffu));
        spikeloom_frame_byte(&framer, (uint8_t)(word >> 8));
    }
    return spikeloom_frame_end(&framer);
}

static uint32_t score_bytes(const struct spikeloom_identity *identity)
{
    uint32_t bytes = 0;
    for (unsigned k = 0; k < identity->score_words; k++) {
        bytes += identity->outputs << 1;
    }
    return bytes;
}

/* What a good frame says to the tries from sequence byte `first` on. False if it is no answer to them. */
static bool answers(struct spikeloom *device, size_t length, uint8_t command, uint8_t first, enum spikeloom_error *found)
{
    const uint8_t *body = device->buffer;
    if (length < SPIKELOOM_HEADER_BYTES) {
        return false;
    }
    if (body[2] == SPIKELOOM_STATUS_BAD_CRC) {
        /* Command and sequence are those that arrived, and may be wrong. */
        *found = SPIKELOOM_DAMAGED_REQUESTS;
        return true;
    }
    if (body[0] != (command | SPIKELOOM_REPLY) || (uint8_t)(body[1] - first) > (uint8_t)(device->sequence - first)) {
        return false;
    }
    switch (body[2]) {
        case SPIKELOOM_STATUS_OK: *found = SPIKELOOM_OK; break;
        case SPIKELOOM_STATUS_NO_RESULT: *found = SPIKELOOM_NO_RESULT; break;
        case SPIKELOOM_STATUS_NO_WEIGHTS: *found = SPIKELOOM_NO_WEIGHTS; break;
        default: *found = SPIKELOOM_REFUSED; device->refusal = body[2]; break;
    }
    return true;
}

/* The reply to the tries from sequence byte `first` on, in the buffer; `reason` if there is none. */
static enum spikeloom_error receive(struct spikeloom *device, uint8_t command, uint8_t first,
                                    enum spikeloom_error reason, size_t *length)
{
    const struct spikeloom_transport *line = device->transport;
    struct spikeloom_unframer unframer;
    uint8_t bytes[SPIKELOOM_CHUNK];
    uint32_t patience = NOISE + 2 * score_bytes(&device->identity);
    uint32_t since = line->now(line->context);
    spikeloom_unframer_init(&unframer, device->buffer, device->size);
    while (patience > 0) {
        ptrdiff_t got = line->read(line->context, bytes, sizeof bytes);
        if (got < 0 || (size_t)got > sizeof bytes) {
            return SPIKELOOM_LINE_LOST;
        }
        if (got == 0) {
            if ((uint32_t)(line->now(line->context) - since) >= device->timeout_ms) {
                break;
            }
            continue;
        }
        patience -= (uint32_t)got < patience ? (uint32_t)got : patience;
        for (size_t k = 0; k < (size_t)got; k++) {
            enum spikeloom_error found;
            if (spikeloom_unframe(&unframer, bytes[k]) && answers(device, unframer.length, command, first, &found)) {
                *length = unframer.length - SPIKELOOM_HEADER_BYTES;
                return found;
            }
        }
        if (unframer.damaged > 0 || patience == 0) {
            reason = SPIKELOOM_DAMAGED_REPLIES;
        }
        since = line->now(line->context);
    }
    return reason;
}

static bool is_usable(const struct spikeloom *device)
{
    return device != NULL && device->transport != NULL && device->timeout_ms > 0 && device->tries > 0;
}

/* One request, until it is answered: the reply's payload is `*length` bytes behind its header in the buffer. */
static enum spikeloom_error request(struct spikeloom *device, uint8_t command, const struct payload *payload,
                                    size_t *length)
{
    static const struct payload nothing = {NULL, 0, NULL, 0, 0};
    enum spikeloom_error reason = SPIKELOOM_SILENT;
    uint8_t first = (uint8_t)(device->sequence + 1u);
    for (uint8_t attempt = 0; attempt < device->tries; attempt++) {
        device->sequence++;
        if (!send(device, command, payload != NULL ? payload : &nothing, attempt > 0)) {
            return SPIKELOOM_LINE_LOST;
        }
        reason = receive(device, command, first, reason, length);
        switch (reason) {
            case SPIKELOOM_SILENT:
            case SPIKELOOM_DAMAGED_REPLIES:
            case SPIKELOOM_DAMAGED_REQUESTS:
            case SPIKELOOM_REFUSED:
                break;
            default:
                return reason;
        }
    }
    return reason;
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

static bool is_same(const uint8_t *one, const uint8_t *other, size_t length)
{
    size_t k = 0;
    while (k < length && one[k] == other[k]) {
        k++;
    }
    return k == length;
}

/* Who is there, whatever network it is. */
static enum spikeloom_error identify_any(struct spikeloom *device)
{
    const uint8_t *payload = device->buffer + SPIKELOOM_HEADER_BYTES;
    size_t length;
    enum spikeloom_error error = request(device, SPIKELOOM_COMMAND_IDENTIFY, NULL, &length);
    device->known = false;
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (length < 2 || spikeloom_u16(payload) != SPIKELOOM_VERSION) {
        return SPIKELOOM_OTHER_VERSION;
    }
    if (length != SPIKELOOM_IDENTITY_BYTES) {
        return SPIKELOOM_BAD_REPLY;
    }
    spikeloom_identity_unpack(&device->identity, payload);
    if (!makes_sense(&device->identity)) {
        device->identity.outputs = 0;
        return SPIKELOOM_BAD_REPLY;
    }
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_identify(struct spikeloom *device)
{
    enum spikeloom_error error;
    if (!is_usable(device)) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = identify_any(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (device->network != NULL
        && !is_same(device->identity.digest, device->network->digest, sizeof device->identity.digest)) {
        return SPIKELOOM_OTHER_NETWORK;
    }
    device->known = true;
    return SPIKELOOM_OK;
}

/* Ask who is there if that is not known. */
static enum spikeloom_error meet(struct spikeloom *device)
{
    if (!is_usable(device)) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    return device->known ? SPIKELOOM_OK : spikeloom_identify(device);
}

enum spikeloom_error spikeloom_run(struct spikeloom *device, const uint16_t *words, size_t count,
                                   struct spikeloom_result *result)
{
    struct payload payload = {NULL, 0, words, 0, 0};
    size_t length;
    enum spikeloom_error error;
    if (words == NULL || result == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (count != device->identity.frame_words) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    payload.count = payload.whole = device->identity.frame_words;
    error = request(device, SPIKELOOM_COMMAND_RUN, &payload, &length);
    if (error == SPIKELOOM_OK && length != SPIKELOOM_RESULT_BYTES) {
        error = SPIKELOOM_BAD_REPLY;
    }
    if (error == SPIKELOOM_OK) {
        spikeloom_result_unpack(result, device->buffer + SPIKELOOM_HEADER_BYTES);
    }
    return error;
}

/* A two's complement integer of 1 to 4 words. */
static int64_t score_of(const uint8_t *bytes, unsigned words)
{
    uint32_t half[2];
    uint32_t sign = bytes[2 * words - 1] & 0x80u ? UINT32_C(0xffff) : 0;
    uint64_t whole;
    for (unsigned k = 0; k < 2; k++) {
        uint32_t low = 2 * k < words ? spikeloom_u16(bytes + 4 * k) : sign;
        uint32_t high = 2 * k + 1 < words ? spikeloom_u16(bytes + 4 * k + 2) : sign;
        half[k] = low | high << 16;
    }
    whole = (uint64_t)half[1] << 32 | half[0];
    return sign ? -(int64_t)~whole - 1 : (int64_t)whole;
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
    error = meet(device);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (count != device->identity.outputs) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    bytes = score_bytes(&device->identity);
    if (bytes > device->size - SPIKELOOM_HEADER_BYTES - SPIKELOOM_RESULT_BYTES) {
        return SPIKELOOM_SMALL_BUFFER;
    }
    error = request(device, SPIKELOOM_COMMAND_READ, NULL, &length);
    if (error != SPIKELOOM_OK) {
        return error;
    }
    if (length != bytes + SPIKELOOM_RESULT_BYTES) {
        return SPIKELOOM_BAD_REPLY;
    }
    at = device->buffer + SPIKELOOM_HEADER_BYTES;
    for (size_t k = 0; k < count; k++) {
        scores[k] = score_of(at, device->identity.score_words);
        at += (size_t)device->identity.score_words << 1;
    }
    spikeloom_result_unpack(result, at);
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_status(struct spikeloom *device, struct spikeloom_counters *counters)
{
    size_t length;
    enum spikeloom_error error;
    if (!is_usable(device) || counters == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    error = request(device, SPIKELOOM_COMMAND_STATUS, NULL, &length);
    if (error == SPIKELOOM_OK && length != SPIKELOOM_COUNTERS_BYTES) {
        error = SPIKELOOM_BAD_REPLY;
    }
    if (error == SPIKELOOM_OK) {
        spikeloom_counters_unpack(counters, device->buffer + SPIKELOOM_HEADER_BYTES);
    }
    return error;
}

enum spikeloom_error spikeloom_reset(struct spikeloom *device)
{
    size_t length;
    return is_usable(device) ? request(device, SPIKELOOM_COMMAND_RESET, NULL, &length) : SPIKELOOM_BAD_ARGUMENT;
}

/* All rows of one layer's weights, as many in a request as have room. */
static enum spikeloom_error load_layer(struct spikeloom *device, const struct spikeloom_weights *weights)
{
    uint32_t row = 0, piece = 0, rows = 0;
    if (weights->row_words == 0) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    while (device->identity.load_words - piece >= weights->row_words) {
        piece += weights->row_words;
        rows++;
    }
    if (rows == 0) {
        return SPIKELOOM_BAD_REPLY;
    }
    for (uint32_t at = 0; at < weights->count; at += piece, row += rows) {
        uint8_t head[4];
        uint32_t left = weights->count - at;
        struct payload payload = {NULL, sizeof head, NULL, 0, 0};
        size_t length;
        enum spikeloom_error error;
        head[0] = (uint8_t)(weights->layer & 0xffu);
        head[1] = (uint8_t)(weights->layer >> 8);
        head[2] = (uint8_t)(row & 0xffu);
        head[3] = (uint8_t)(row >> 8);
        payload.bytes = head;
        payload.words = weights->words + at;
        payload.count = left < piece ? left : piece;
        payload.whole = device->identity.load_words;
        error = request(device, SPIKELOOM_COMMAND_LOAD, &payload, &length);
        if (error != SPIKELOOM_OK) {
            return error;
        }
    }
    return SPIKELOOM_OK;
}

enum spikeloom_error spikeloom_load(struct spikeloom *device)
{
    const struct spikeloom_network *network;
    struct payload payload = {NULL, 0, NULL, 0, 0};
    size_t length;
    enum spikeloom_error error;
    if (!is_usable(device) || device->network == NULL || device->network->layers == 0) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    network = device->network;
    error = identify_any(device);
    if (error == SPIKELOOM_OK && !is_same(device->identity.plan, network->plan, sizeof network->plan)) {
        error = SPIKELOOM_OTHER_PLAN;
    }
    for (size_t k = 0; k < network->layers && error == SPIKELOOM_OK; k++) {
        error = load_layer(device, &network->weights[k]);
    }
    if (error != SPIKELOOM_OK) {
        return error;
    }
    payload.bytes = network->digest;
    payload.length = sizeof network->digest;
    error = request(device, SPIKELOOM_COMMAND_COMMIT, &payload, &length);
    return error == SPIKELOOM_OK ? spikeloom_identify(device) : error;
}
