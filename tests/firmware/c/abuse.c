/*
 * Every request of the driver over a line of someone else's bytes, with buffers that have not a byte to spare: for
 * sanitizers. Standard input: for each case the number of answers (u16), for each answer its length (u16) and bytes.
 * An answer arrives when a request has been sent. Prints, for each case, the errors and the damage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spikeloom_request.h"

enum { MOST = 4096 };

struct script {
    uint8_t *bytes[64];     /* each in memory of its own size */
    size_t lengths[64];
    unsigned answers, next;
    size_t at;
    uint32_t time;
};

static bool take(void *context, const uint8_t *bytes, size_t length)
{
    uint8_t copy[SPIKELOOM_CHUNK];
    (void)context;
    memcpy(copy, bytes, length);
    return true;
}

static bool sent(void *context)
{
    struct script *script = context;
    script->next++;
    script->at = 0;
    return true;
}

static ptrdiff_t give(void *context, uint8_t *bytes, size_t capacity)
{
    struct script *script = context;
    size_t left;
    if (script->next == 0 || script->next > script->answers) {
        return 0;
    }
    left = script->lengths[script->next - 1] - script->at;
    if (left > capacity) {
        left = capacity;
    }
    memcpy(bytes, script->bytes[script->next - 1] + script->at, left);
    script->at += left;
    return (ptrdiff_t)left;
}

static uint32_t now(void *context)
{
    struct script *script = context;
    return script->time += 500;
}

static size_t number(void)
{
    int low = getchar(), high = getchar();
    return high == EOF ? SIZE_MAX : (size_t)(low | high << 8);
}

static void *room(size_t bytes)
{
    void *made = malloc(bytes);
    if (made == NULL && bytes > 0) {
        exit(3);
    }
    return made;
}

/* All requests, with room for exactly what the device says it has, if that is not much. */
static void ask_all(struct spikeloom *device)
{
    struct spikeloom_result result;
    struct spikeloom_counters counters;
    uint16_t next;
    size_t outputs, words, spikes;
    printf("%d ", (int)spikeloom_identify(device));
    outputs = device->known && device->identity.outputs <= MOST ? device->identity.outputs : 1;
    words = device->known && device->identity.frame_words <= MOST ? device->identity.frame_words : 1;
    spikes = device->known && outputs * device->identity.stream_steps <= MOST
        ? spikeloom_spike_words(&device->identity) * device->identity.stream_steps : 1;
    int64_t *scores = room(outputs * sizeof *scores);
    uint16_t *frame = room(words * sizeof *frame), *bits = room(spikes * sizeof *bits);
    int32_t *membranes = room(7 * sizeof *membranes);
    memset(frame, 0x7e, words * sizeof *frame);
    printf("%d ", (int)spikeloom_run(device, frame, words, &result));
    printf("%d ", (int)spikeloom_read(device, scores, outputs, &result));
    printf("%d ", (int)spikeloom_status(device, &counters));
    printf("%d ", (int)spikeloom_membranes(device, 1, 2, membranes, 7));
    printf("%d ", (int)spikeloom_stream(device, 1, 0, frame, words, bits, spikes, &next));
    printf("%d ", (int)spikeloom_reset(device));
    printf("%d ", (int)spikeloom_load(device));
    printf("%d ", (int)spikeloom_verify(device));
    free(scores);
    free(frame);
    free(bits);
    free(membranes);
}

/* The frames in an answer, into a body of `capacity` bytes. */
static void unframe(const uint8_t *bytes, size_t length, size_t capacity)
{
    struct spikeloom_unframer unframer;
    uint8_t *body = room(capacity);
    unsigned found = 0;
    spikeloom_unframer_init(&unframer, body, capacity);
    for (size_t k = 0; k < length; k++) {
        found += spikeloom_unframe(&unframer, bytes[k]);
    }
    printf("%u/%u ", found, (unsigned)unframer.damaged);
    free(body);
}

int main(void)
{
    static const uint16_t words[] = {1, 2, 3, 4, 5, 6, 7};
    static const struct spikeloom_weights weights[] = {{0, 1, 2, 4, words}, {3, 1, 3, 7, words}};
    static const struct spikeloom_network network = {{1, 2, 3, 4, 5, 6, 7, 8}, {0}, 0, 2, weights};
    for (size_t answers = number(), cases = 0; answers != SIZE_MAX; answers = number(), cases++) {
        struct script script = {.answers = (unsigned)answers};
        struct spikeloom_transport line = {&script, take, sent, give, now};
        struct spikeloom device;
        size_t size = SPIKELOOM_LEAST_BUFFER + cases % 32;
        uint8_t *buffer = room(size);
        for (size_t k = 0; k < answers; k++) {
            script.lengths[k] = number();
            script.bytes[k] = room(script.lengths[k]);
            if (fread(script.bytes[k], 1, script.lengths[k], stdin) != script.lengths[k]) {
                return 3;
            }
            unframe(script.bytes[k], script.lengths[k], cases % 9);
        }
        if (spikeloom_init(&device, &line, cases % 2 ? &network : NULL, buffer, size) != SPIKELOOM_OK) {
            return 3;
        }
        device.tries = 2;
        ask_all(&device);
        printf("\n");
        for (size_t k = 0; k < answers; k++) {
            free(script.bytes[k]);
        }
        free(buffer);
    }
    return 0;
}
