/*
 * An example for a computer with serial ports: classify frames on a board.
 *
 *     cc -std=c99 -O2 -o classify *.c
 *     ./classify /dev/ttyUSB1 < values.txt
 *
 * Standard input holds integers, NETWORK_FRAME_VALUES a frame, with white space between. For each frame a line is
 * printed: class, clock cycles, scores. On a microcontroller only the four functions of the transport are different.
 */
#define _DEFAULT_SOURCE     /* for cfmakeraw and the faster baud rates */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "network.h"

#ifdef B1000000
#define SPEED B1000000
#else
#define SPEED B115200
#endif

static bool port_write(void *context, const uint8_t *bytes, size_t length)
{
    const int *port = context;
    while (length > 0) {
        ssize_t sent = write(*port, bytes, length);
        if (sent < 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool port_flush(void *context)
{
    const int *port = context;
    return tcdrain(*port) == 0;
}

static ptrdiff_t port_read(void *context, uint8_t *bytes, size_t capacity)
{
    const int *port = context;
    struct pollfd there = {.fd = *port, .events = POLLIN};
    int ready = poll(&there, 1, 1);
    if (ready <= 0) {
        return ready;
    }
    ssize_t got = read(*port, bytes, capacity);
    return got > 0 ? got : -1;
}

static uint32_t port_now(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

static int open_port(const char *name)
{
    struct termios settings;
    int port = open(name, O_RDWR | O_NOCTTY);
    if (port >= 0 && tcgetattr(port, &settings) == 0) {
        cfmakeraw(&settings);
        cfsetispeed(&settings, SPEED);
        cfsetospeed(&settings, SPEED);
        settings.c_cflag |= CLOCAL | CREAD;
        tcsetattr(port, TCSAFLUSH, &settings);
    }
    return port;
}

/* The next frame of standard input. False if there is none left; `*whole` is false if it ends within one. */
static bool next_frame(network_value *values, bool *whole)
{
    uint32_t count = 0;
    long value;
    while (count < NETWORK_FRAME_VALUES && scanf("%9ld", &value) == 1) {
        if (value < NETWORK_VALUE_MIN || value > NETWORK_VALUE_MAX) {
            *whole = false;
            return false;
        }
        values[count++] = (network_value)value;
    }
    *whole = count == NETWORK_FRAME_VALUES || (count == 0 && feof(stdin));
    return count == NETWORK_FRAME_VALUES;
}

static enum spikeloom_error classify(struct spikeloom *device, const network_value *values)
{
    static uint16_t words[NETWORK_FRAME_WORDS];
    static int64_t scores[NETWORK_OUTPUTS];
    struct spikeloom_result result;
    network_pack(words, values);
    enum spikeloom_error error = spikeloom_run(device, words, NETWORK_FRAME_WORDS, &result);
    if (error == SPIKELOOM_OK) {
        error = spikeloom_read(device, scores, NETWORK_OUTPUTS, &result);
    }
    if (error == SPIKELOOM_OK) {
#ifdef NETWORK_HAS_LABELS
        printf("%s %" PRIu32, network_labels[result.label], result.cycles);
#else
        printf("%u %" PRIu32, (unsigned)result.label, result.cycles);
#endif
        for (uint32_t k = 0; k < NETWORK_OUTPUTS; k++) {
            printf(" %" PRId64, scores[k]);
        }
        printf("\n");
    }
    return error;
}

int main(int count, char **arguments)
{
    static uint8_t buffer[NETWORK_BUFFER];
    static network_value values[NETWORK_FRAME_VALUES];
    struct spikeloom device;
    bool whole = true;
    int port = count == 2 ? open_port(arguments[1]) : -1;
    struct spikeloom_transport line = {&port, port_write, port_flush, port_read, port_now};
    if (port < 0) {
        fprintf(stderr, "usage: classify PORT < VALUES, with a serial port that can be opened\n");
        return 2;
    }
    enum spikeloom_error error = spikeloom_init(&device, &line, &network_expected, buffer, sizeof buffer);
    if (error == SPIKELOOM_OK) {
        error = network_expected.layers > 0 ? spikeloom_load(&device) : spikeloom_identify(&device);
    }
    while (error == SPIKELOOM_OK && next_frame(values, &whole)) {
        error = classify(&device, values);
    }
    close(port);
    if (error != SPIKELOOM_OK) {
        fprintf(stderr, "%s: %s\n", arguments[1], spikeloom_meaning(error));
        return 1;
    }
    if (!whole) {
        fprintf(stderr, "standard input must be frames of %u integers from %ld to %ld\n",
                (unsigned)NETWORK_FRAME_VALUES, (long)NETWORK_VALUE_MIN, (long)NETWORK_VALUE_MAX);
        return 2;
    }
    return 0;
}
