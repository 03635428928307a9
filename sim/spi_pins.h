// Runs the CXXRTL model of a LinkedSpiTop with an SPI controller at its pins. `sim/spi_pins.py` is the other half.
//
// The controller clocks all the time: what it is given, then flags, until a frame has come or nothing moves any more.
#pragma once
#include "ports.h"

namespace spikeloom {

constexpr uint8_t FLAG = 0x7e;
constexpr int SETTLE = 4, STILL = 16;   // clocks from select to the first edge; bytes of silence

// Mirrored field by field by `spi_pins._Exchange`. A word of `sent` is a byte and, above it, how many of its bits are
// clocked: with fewer than 8 the chip select goes up in the middle of it, with more the controller loses count.
struct Exchange {
    const uint16_t *sent;
    int64_t count;
    uint8_t *received;
    int64_t room, filled;
    int64_t cycles;         // at most so many, to the end of a byte; afterwards, how many went by
    int64_t idle;           // clock cycles that go by before, without the controller
    int64_t half, burst;    // clock cycles of half a bit; bytes for which the device is selected
    int64_t waiting, quiet; // words not yet sent; a silence in which the device has nothing to do
};

template <class Core> class SpiPins {
    Core core;
    std::deque<uint16_t> queue;
    int64_t cycle = 0, selected = 0;
    int still = 0;
    bool frame = false;

    void settle() {
        for (int round = 0; round < 100; round++) {
            bool converged = core.eval();
            if (!core.commit() || converged) break;
        }
    }

    void clocks(int64_t count) {
        for (int64_t k = 0; k < count; k++) {
            for (int level = 0; level < 2; level++) {
                chunks(core.p_clk)[0] = level;
                settle();
            }
            still = chunks(core.p_busy)[0] ? 0 : still;
        }
        cycle += count;
    }

    void select(bool on) {
        chunks(core.p_cs__n)[0] = !on;
        clocks(SETTLE);
        selected = 0;
    }

    uint8_t byte(uint16_t word, int64_t half) {
        uint8_t back = 0;
        for (int k = 0, count = word >> 8; k < count; k++) {
            chunks(core.p_copi)[0] = k < 8 ? word >> (7 - k) & 1 : 1;
            clocks(half);
            back = back << 1 | (chunks(core.p_cipo)[0] & 1);
            chunks(core.p_sck)[0] = 1;
            clocks(half);
            chunks(core.p_sck)[0] = 0;
        }
        return back;
    }

public:
    SpiPins() {
        chunks(core.p_rst)[0] = 1;
        chunks(core.p_cs__n)[0] = 1;
        clocks(4);
        chunks(core.p_rst)[0] = 0;
    }

    void run(Exchange &exchange) {
        queue.insert(queue.end(), exchange.sent, exchange.sent + exchange.count);
        int64_t begin = cycle;
        bool ended = false;
        still = 0;
        clocks(exchange.idle);
        while (cycle - begin < exchange.cycles && exchange.filled < exchange.room && !ended && still < STILL) {
            if (chunks(core.p_cs__n)[0]) select(true);
            uint16_t word = 8 << 8 | FLAG;
            if (!queue.empty()) {
                word = queue.front();
                queue.pop_front();
            }
            uint8_t back = byte(word, exchange.half);
            if (word >> 8 >= 8) exchange.received[exchange.filled++] = back;
            ended = frame && back == FLAG && queue.empty();
            frame = back != FLAG;
            still = frame || !queue.empty() ? 0 : still + 1;
            if (word >> 8 < 8 || ++selected >= exchange.burst) select(false);
        }
        exchange.cycles = cycle - begin;
        exchange.waiting = queue.size();
        exchange.quiet = still >= STILL;
    }
};

}  // namespace spikeloom

#define DESIGN(name, traces_of_layers)                                                                   \
    extern "C" __attribute__((visibility("default"))) void *name##_open() {                              \
        return new spikeloom::SpiPins<name::p_core>;                                                     \
    }                                                                                                    \
    extern "C" __attribute__((visibility("default"))) void name##_close(void *pins) {                    \
        delete static_cast<spikeloom::SpiPins<name::p_core> *>(pins);                                    \
    }                                                                                                    \
    extern "C" __attribute__((visibility("default"))) void name##_run(void *pins, spikeloom::Exchange *exchange) { \
        static_cast<spikeloom::SpiPins<name::p_core> *>(pins)->run(*exchange);                           \
    }
