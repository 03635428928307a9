/* One request, until it is answered; see spikeloom_request.h. The rules are in Spikeloom's docs/link.md. */

#include "spikeloom_request.h"

enum { NOISE = 4096 };      /* bytes of anything else, during which a reply is waited for */

uint32_t spikeloom_times(uint32_t count, unsigned few)
{
    return (few & 1u ? count : 0) + (few & 2u ? count << 1 : 0) + (few & 4u ? count << 2 : 0);
}

bool spikeloom_fits(const struct spikeloom *device, uint32_t bytes)
{
    return bytes <= device->size - SPIKELOOM_HEADER_BYTES;
}

uint32_t spikeloom_score_bytes(const struct spikeloom_identity *identity)
{
    return spikeloom_times(identity->outputs << 1, identity->score_words);
}

bool spikeloom_same(const uint8_t *one, const uint8_t *other, size_t length)
{
    size_t k = 0;
    while (k < length && one[k] == other[k]) {
        k++;
    }
    return k == length;
}

int64_t spikeloom_integer(const uint8_t *from, unsigned words)
{
    int64_t value = 0;
    for (unsigned k = words; k > 0; k--) {
        uint16_t word = spikeloom_u16(from + 2 * k - 2);
        value = k == words ? (int32_t)(word ^ UINT32_C(0x8000)) - INT32_C(0x8000) : value * 65536 + word;
    }
    return value;
}

void spikeloom_put_pair(uint8_t *to, uint16_t one, uint16_t other)
{
    to[0] = (uint8_t)(one & 0xffu);
    to[1] = (uint8_t)(one >> 8);
    to[2] = (uint8_t)(other & 0xffu);
    to[3] = (uint8_t)(other >> 8);
}

/* One frame onto the line. False if that is gone. */
static bool send(const struct spikeloom *device, uint8_t command, const struct spikeloom_payload *payload, bool again)
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
        case SPIKELOOM_STATUS_NOT_THERE: *found = SPIKELOOM_NOT_THERE; break;
        case SPIKELOOM_STATUS_BAD_ORDER: *found = SPIKELOOM_BAD_ORDER; break;
        case SPIKELOOM_STATUS_DAMAGED: *found = SPIKELOOM_DAMAGED_WEIGHTS; break;
        case SPIKELOOM_STATUS_RECOVERED: *found = SPIKELOOM_RECOVERED; break;
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
    uint32_t patience = NOISE + 2 * spikeloom_score_bytes(&device->identity)
        + ((uint32_t)device->identity.load_words << 2);
    uint32_t most = device->timeout_ms + patience;      /* a byte takes a millisecond at most */
    uint32_t since = line->now(line->context), began = since;
    bool begun = false;
    spikeloom_unframer_init(&unframer, device->buffer, device->size);
    while (patience > 0) {
        ptrdiff_t got = line->read(line->context, bytes, sizeof bytes);
        bool news = false;
        if (got < 0 || (size_t)got > sizeof bytes) {
            return SPIKELOOM_LINE_LOST;
        }
        for (size_t k = 0; k < (size_t)got; k++) {
            enum spikeloom_error found;
            /* Flags between frames are silence: they fill a line that always carries something. */
            news = news || bytes[k] != SPIKELOOM_FLAG || (unframer.length > 0 && !unframer.ended);
            if (spikeloom_unframe(&unframer, bytes[k]) && answers(device, unframer.length, command, first, &found)) {
                *length = unframer.length - SPIKELOOM_HEADER_BYTES;
                return found;
            }
        }
        if (!news) {
            if ((uint32_t)(line->now(line->context) - since) >= device->timeout_ms) {
                break;
            }
            continue;
        }
        patience -= (uint32_t)got < patience ? (uint32_t)got : patience;
        if (unframer.damaged > 0 || patience == 0) {
            reason = SPIKELOOM_DAMAGED_REPLIES;
        }
        since = line->now(line->context);
        began = begun ? began : since;
        begun = true;
        if ((uint32_t)(since - began) >= most) {
            reason = SPIKELOOM_DAMAGED_REPLIES;
            break;
        }
    }
    return reason;
}

static bool is_usable(const struct spikeloom *device)
{
    return device != NULL && device->transport != NULL && device->timeout_ms > 0 && device->tries > 0;
}

enum spikeloom_error spikeloom_request(struct spikeloom *device, enum spikeloom_command_byte command,
                                       const struct spikeloom_payload *payload, size_t *length)
{
    static const struct spikeloom_payload nothing = {NULL, 0, NULL, 0, 0};
    enum spikeloom_error reason = SPIKELOOM_SILENT;
    uint8_t first;
    if (!is_usable(device) || length == NULL) {
        return SPIKELOOM_BAD_ARGUMENT;
    }
    first = (uint8_t)(device->sequence + 1u);
    for (uint8_t attempt = 0; attempt < device->tries; attempt++) {
        device->sequence++;
        if (!send(device, (uint8_t)command, payload != NULL ? payload : &nothing, attempt > 0)) {
            return SPIKELOOM_LINE_LOST;
        }
        reason = receive(device, (uint8_t)command, first, reason, length);
        switch (reason) {
            case SPIKELOOM_SILENT:
            case SPIKELOOM_DAMAGED_REPLIES:
            case SPIKELOOM_DAMAGED_REQUESTS:
            case SPIKELOOM_REFUSED:
                break;
            case SPIKELOOM_RECOVERED:
                if (command != SPIKELOOM_COMMAND_RUN) {
                    return reason;      /* what it goes on with is gone */
                }
                break;
            default:
                return reason;
        }
    }
    return reason;
}
