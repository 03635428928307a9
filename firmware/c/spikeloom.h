/*
 * A network on a board, from any microcontroller: the host's side of Spikeloom's wire protocol.
 *
 * C99, freestanding: nothing is allocated, nothing of libc is called, nothing is global. The caller owns every byte:
 * a `struct spikeloom` for each device, the transport, and one buffer for replies. Damaged and missing replies are
 * asked for again; whatever else is on the line is ignored. Not for use from two threads at once.
 */
#ifndef SPIKELOOM_H
#define SPIKELOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spikeloom_framing.h"
#include "spikeloom_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What may come of a request: X(name, meaning). */
#define SPIKELOOM_ERRORS(X) \
    X(SPIKELOOM_OK, "done") \
    X(SPIKELOOM_BAD_ARGUMENT, "an argument breaks the rule beside its function; nothing was sent") \
    X(SPIKELOOM_SMALL_BUFFER, "the buffer cannot hold the reply; nothing was sent") \
    X(SPIKELOOM_LINE_LOST, "a function of the transport said that the line is gone") \
    X(SPIKELOOM_SILENT, "no reply to any try") \
    X(SPIKELOOM_DAMAGED_REPLIES, "replies came damaged, and no good one to any try") \
    X(SPIKELOOM_DAMAGED_REQUESTS, "the device found every try damaged") \
    X(SPIKELOOM_REFUSED, "the device refused every try; its status is in the member refusal") \
    X(SPIKELOOM_BAD_REPLY, "a good frame whose contents break the protocol") \
    X(SPIKELOOM_OTHER_VERSION, "the device speaks another version of the protocol") \
    X(SPIKELOOM_OTHER_NETWORK, "the device carries another network than the one given") \
    X(SPIKELOOM_OTHER_PLAN, "the device is made for other weights than those to load; nothing was changed") \
    X(SPIKELOOM_NO_RESULT, "nothing was run since start or reset, so there are no scores to read") \
    X(SPIKELOOM_NO_WEIGHTS, "the device's weights must be loaded before it runs") \
    X(SPIKELOOM_NOT_OFFERED, "the device does not know this request; it was not sent") \
    X(SPIKELOOM_NOT_THERE, "the device has no such layer, neuron or row, or cannot read it") \
    X(SPIKELOOM_BAD_ORDER, "the timestep is not the one that comes next") \
    X(SPIKELOOM_WRONG_WEIGHTS, "the device holds other weights than those that were loaded") \
    X(SPIKELOOM_DAMAGED_WEIGHTS, "the device's weights have changed since they were loaded, and must be again") \
    X(SPIKELOOM_RECOVERED, "the device's core was stuck and has been reset: begin the inference again")

#define SPIKELOOM_NAME(name, meaning) name,
enum spikeloom_error { SPIKELOOM_ERRORS(SPIKELOOM_NAME) SPIKELOOM_ERROR_COUNT };
#undef SPIKELOOM_NAME

/* What an error means, in words; "" for none. */
const char *spikeloom_meaning(enum spikeloom_error error);

/* The words of one layer's weight memory, for a device that gets them over the link. */
struct spikeloom_weights {
    uint16_t layer;
    uint16_t piece_rows;    /* rows that go into one request */
    uint16_t piece;         /* words of those rows: at most the identity's `load_words` */
    uint32_t count;         /* words in all */
    const uint16_t *words;
};

/* The network that a device must carry; a generated network.h declares one. */
struct spikeloom_network {
    uint8_t digest[8];
    uint8_t plan[8];        /* only where there are weights to load, as all below */
    uint32_t checksum;      /* CRC-32 of all words */
    size_t layers;          /* layers whose weights are loaded */
    const struct spikeloom_weights *weights;
};

/* One device. Between requests, `timeout_ms` and `tries` may be set; the rest is to be read only. */
struct spikeloom {
    const struct spikeloom_transport *transport;
    const struct spikeloom_network *network;
    uint8_t *buffer;
    size_t size;
    uint32_t timeout_ms;    /* of silence, after which a request is sent again: 1000, at least 1 */
    uint8_t tries;          /* how often a request is sent: 4, at least 1 */
    uint8_t sequence;       /* sequence byte of the last request */
    uint8_t refusal;        /* the device's status after SPIKELOOM_REFUSED */
    bool known;             /* `identity` is that of a device that is accepted */
    struct spikeloom_identity identity;
};

enum { SPIKELOOM_HEADER_BYTES = 3 };  /* of a reply: command, sequence, status */

/* The smallest buffer, in bytes: any reply but that of READ fits. */
#define SPIKELOOM_LEAST_BUFFER ((size_t)SPIKELOOM_HEADER_BYTES + SPIKELOOM_IDENTITY_MORE_BYTES)
/* The buffer in which every reply of a device fits, in bytes; its scores are `score_words` words each. */
#define SPIKELOOM_BUFFER(outputs, score_words) \
    (SPIKELOOM_LEAST_BUFFER + (size_t)2 * (outputs) * (score_words))

/*
 * Make `device` ready; nothing is sent yet.
 *
 * network: what the device must carry; NULL accepts any. buffer, size: at least SPIKELOOM_LEAST_BUFFER bytes. All that
 * is given here must stay until the last request. SPIKELOOM_BAD_ARGUMENT: something is NULL, or the buffer too small.
 */
enum spikeloom_error spikeloom_init(struct spikeloom *device, const struct spikeloom_transport *transport,
                                    const struct spikeloom_network *network, uint8_t *buffer, size_t size);

/* Who is there, into `device->identity`. The other requests ask that themselves if it was not asked before. */
enum spikeloom_error spikeloom_identify(struct spikeloom *device);

/*
 * One inference of a frame of `count` words, which must be the identity's `frame_words`; network_pack of a generated
 * network.h makes them from values. `result` gets the class and the clock cycles.
 */
enum spikeloom_error spikeloom_run(struct spikeloom *device, const uint16_t *words, size_t count,
                                   struct spikeloom_result *result);

/*
 * The last inference again, with its scores: `count` of them, which must be the identity's `outputs`. The buffer must
 * hold SPIKELOOM_BUFFER(outputs, score_words) bytes.
 */
enum spikeloom_error spikeloom_read(struct spikeloom *device, int64_t *scores, size_t count,
                                    struct spikeloom_result *result);

/* The device's counters, this request included. */
enum spikeloom_error spikeloom_status(struct spikeloom *device, struct spikeloom_counters *counters);

/* Abort an inference, forget the last result, clear the counters. */
enum spikeloom_error spikeloom_reset(struct spikeloom *device);

/*
 * In spikeloom_weights.c
 *
 * Give the device the weights of `device->network`; from then on it is that network. SPIKELOOM_BAD_ARGUMENT if that has
 * none to load; SPIKELOOM_OTHER_PLAN, before anything is changed, if the device is made for others.
 */
enum spikeloom_error spikeloom_load(struct spikeloom *device);

/*
 * Read the weights back and compare: SPIKELOOM_WRONG_WEIGHTS if one differs. The buffer must hold a reply of the
 * identity's `load_words` words.
 */
enum spikeloom_error spikeloom_verify(struct spikeloom *device);

/*
 * In spikeloom_inspect.c
 *
 * Membranes of layer number `layer` after the last inference: `count` neurons from number `first` on, in LSB. The buffer
 * must hold a reply of the identity's `probe_neurons` times `membrane_words` words.
 */
enum spikeloom_error spikeloom_membranes(struct spikeloom *device, uint16_t layer, uint16_t first, int32_t *membranes,
                                         size_t count);

/* Words of one timestep's values in a STREAM request, and of one timestep's spikes in its reply. */
uint32_t spikeloom_page_words(const struct spikeloom_identity *identity);
uint32_t spikeloom_spike_words(const struct spikeloom_identity *identity);

/*
 * Some timesteps of an inference: the identity's `stream_steps` of them from number `timestep` on.
 *
 * stream: number of the inference, another one than that of the one before. words: `count` of them, which must be
 * `stream_steps` times spikeloom_page_words(); what goes beyond the last timestep is ignored. spikes: `spike_count`
 * words, which must be `stream_steps` times spikeloom_spike_words(), get the last layer's spikes: a bit for each
 * neuron, lowest first, each timestep in whole words. next: the timestep that comes next; 0: the inference is complete,
 * and spikeloom_read() has its result. The buffer must hold a reply of that many words and one more.
 */
enum spikeloom_error spikeloom_stream(struct spikeloom *device, uint16_t stream, uint16_t timestep,
                                      const uint16_t *words, size_t count, uint16_t *spikes, size_t spike_count,
                                      uint16_t *next);

#ifdef __cplusplus
}
#endif

#endif
