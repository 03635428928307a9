// Runs the CXXRTL model of a LinkedTop with a serial port at its pins. `sim/pins.py` is the other half.
//
// The port keeps its own bit time: `period` clock cycles, not a whole number of them and not the device's. It sends what
// it is given back to back, and samples each bit that it receives in the middle; a byte without a stop bit is dropped.
#pragma once
#include "ports.h"

namespace spikeloom {

// Mirrored field by field by `pins._Exchange`.
struct Exchange {
    const uint8_t *sent;
    int64_t count;
    uint8_t *received;
    int64_t room, filled;
    int64_t cycles;    // at most so many; afterwards, how many went by
    double period;
    int64_t waiting;   // bytes that the port has not begun to send
    int64_t busy, quiet;
};

template <class Core> class Pins {
    Core core;
    std::deque<uint8_t> queue;
    int64_t cycle = 0;
    // What is sent: bits of which the lowest is on the line until `edge`; 0 for an idle line.
    uint32_t sending = 0;
    double edge = 0;
    // What is received: bits so far below a leading one; 0 for an idle line.
    uint32_t receiving = 0;
    double sample = 0;

    bool settle() {
        bool changed = false, converged = false;
        for (int round = 0; round < 100; round++) {
            converged = core.eval();
            bool moved = core.commit();
            changed |= moved;
            if (!moved || converged) break;
        }
        return changed;
    }

    void drive(double period) {
        if (sending && cycle >= edge) {
            sending >>= 1;
            if (sending == 1) sending = 0; else edge += period;
        }
        if (!sending && !queue.empty()) {
            sending = uint32_t(queue.front()) << 1 | 0x600;   // start bit, byte, stop bit, the end
            queue.pop_front();
            edge = (cycle - edge > 1 ? cycle : edge) + period;
        }
        chunks(core.p_rx)[0] = sending ? sending & 1 : 1;
    }

    void listen(double period, Exchange &exchange) {
        bool level = chunks(core.p_tx)[0];
        if (!receiving) {
            if (level) return;
            receiving = 1;
            sample = cycle + period / 2;
        } else if (cycle >= sample) {
            sample += period;
            if (receiving < 0x200) {
                bool start = receiving == 1;
                receiving = receiving << 1 | level;
                if (start && level) receiving = 0;   // a start bit that does not last
                return;
            }
            uint8_t byte = 0;
            for (int k = 0; k < 8; k++) byte |= (receiving >> (7 - k) & 1) << k;
            if (level) exchange.received[exchange.filled++] = byte;
            receiving = 0;
        }
    }

public:
    Pins() {
        chunks(core.p_rst)[0] = 1;
        chunks(core.p_rx)[0] = 1;
        for (int k = 0; k < 8; k++) { chunks(core.p_clk)[0] = k & 1; settle(); }
        chunks(core.p_rst)[0] = 0;
    }

    void run(Exchange &exchange) {
        queue.insert(queue.end(), exchange.sent, exchange.sent + exchange.count);
        int64_t begin = cycle, still = 0;
        // A clock that changes nothing while the line rests is followed by others of the kind.
        while (cycle - begin < exchange.cycles && exchange.filled < exchange.room && still < 2) {
            chunks(core.p_clk)[0] = 0;
            drive(exchange.period);
            bool moved = settle();
            listen(exchange.period, exchange);
            chunks(core.p_clk)[0] = 1;
            moved |= settle();
            cycle++;
            still = moved || sending || receiving || !queue.empty() ? 0 : still + 1;
        }
        exchange.cycles = cycle - begin;
        exchange.waiting = queue.size();
        exchange.busy = chunks(core.p_busy)[0];
        exchange.quiet = still >= 2;
    }
};

}  // namespace spikeloom

#define DESIGN(name, traces_of_layers)                                                                   \
    extern "C" __attribute__((visibility("default"))) void *name##_open() {                              \
        return new spikeloom::Pins<name::p_core>;                                                        \
    }                                                                                                    \
    extern "C" __attribute__((visibility("default"))) void name##_close(void *pins) {                    \
        delete static_cast<spikeloom::Pins<name::p_core> *>(pins);                                       \
    }                                                                                                    \
    extern "C" __attribute__((visibility("default"))) void name##_run(void *pins, spikeloom::Exchange *exchange) { \
        static_cast<spikeloom::Pins<name::p_core> *>(pins)->run(*exchange);                              \
    }
