// Flips bits in the CXXRTL model of a Core while it works. `sim/faults.py` is the other half.
//
// Every trial starts from one state: that after reset and one undisturbed inference. The flips of a cycle happen before
// its combinational part; a word of a memory and a flip-flop stay as they are until the design itself writes them.
#pragma once
#include "volume.h"
#include "state.h"
#include <cstring>

namespace spikeloom {

struct Flip { int64_t cycle, store, row, bit; };

enum Verdict : int64_t { RIGHT, WRONG_SCORE, WRONG_CLASS, NO_ANSWER, BAD_ANSWER, NOT_ASKED };

// One row of `faults.Found`: what is asked, and from `now` on what came of it.
struct Trial {
    int64_t sample, follower, flip, flips;
    int64_t now, inside, next, reset, best, cycles;
};

// Mirrored by `faults._Traced`.
struct Traced {
    int64_t neurons, lanes, bits;
    const uint8_t *spikes;         // expected, of all samples
    const int32_t *membranes;
    uint8_t *seen_spikes;          // of the last inference
    int32_t *seen_membranes;
    int64_t *moments;              // of the samples undisturbed: the cycle of each timestep's last group
};

// Mirrored by `faults._Samples`.
struct Samples {
    const uint32_t *payloads;
    const int64_t *starts;
    int64_t count, timesteps, outputs, payload_bits, layers;
    const Traced *layer;
    Field score, best, last;
    const int64_t *classes, *scores;
    int64_t *cycles;               // of the samples undisturbed
    int64_t bound;                 // cycles after which there will be no answer
};

class Injector {
    static constexpr int64_t SETTLE = 8;
    Ports &top;
    State state;
    const Samples *samples = nullptr;
    int64_t words = 0;
    std::vector<int64_t> seen, scores;

    void reset() {
        top.rst[0] = 1;
        top.i_valid[0] = 0;
        for (int k = 0; k < 4; k++) { top.clk[0] = k & 1; top.step(); }
        top.rst[0] = 0;
    }

    void traces(int64_t cycle, int64_t sample, bool timed) {
        for (int64_t k = 0; k < samples->layers; k++) {
            const TracePorts &port = top.traces[k];
            if (!port.valid[0]) continue;
            const Traced &layer = samples->layer[k];
            int64_t groups = (layer.neurons + layer.lanes - 1) / layer.lanes, page = seen[k]++ / groups;
            if (page >= samples->timesteps) continue;
            int64_t n = port.group[0] * layer.lanes;
            for (int64_t u = 0; u < layer.lanes && n < layer.neurons; u++, n++) {
                layer.seen_spikes[page * layer.neurons + n] = field(port.spikes, u, 1);
                layer.seen_membranes[page * layer.neurons + n] =
                    signed_field(port.membranes, u * layer.bits, layer.bits);
            }
            if (timed) layer.moments[sample * samples->timesteps + page] = cycle;
        }
    }

    bool inside_is_right(int64_t sample) {
        for (int64_t k = 0; k < samples->layers; k++) {
            const Traced &layer = samples->layer[k];
            int64_t pages = samples->timesteps, size = pages * layer.neurons;
            if (seen[k] != pages * ((layer.neurons + layer.lanes - 1) / layer.lanes)
                || std::memcmp(layer.seen_spikes, layer.spikes + sample * size, size)
                || std::memcmp(layer.seen_membranes, layer.membranes + sample * size, size * sizeof(int32_t)))
                return false;
        }
        return true;
    }

    // One inference, from wherever the core is.
    Verdict infer(int64_t sample, const Flip *flips, int64_t count, int64_t &cycles, int64_t &best, bool timed = false) {
        int64_t sent = samples->starts[sample], end = samples->starts[sample + 1], results = 0, output = 0, settled = 0;
        bool malformed = false;
        std::fill(seen.begin(), seen.end(), 0);
        best = -1;
        for (int64_t cycle = 0; settled < SETTLE; cycle++) {
            if (cycle >= samples->bound) return cycles = cycle, NO_ANSWER;
            for (; count && flips->cycle <= cycle; count--, flips++)
                state.flip(flips->store, flips->row, flips->bit);
            bool offering = sent < end;
            top.clk[0] = 0;
            top.i_valid[0] = offering;
            top.o_ready[0] = 1;
            const uint32_t *payload = samples->payloads + (offering ? sent : samples->starts[sample]) * words;
            std::copy(payload, payload + words, top.i_payload);
            top.step();
            sent += offering && top.i_ready[0];
            traces(cycle, sample, timed);
            if (top.o_valid[0]) {
                bool whole = !samples->last.width, last = whole || field(top.o_payload, samples->last.at, 1);
                malformed |= results || output >= samples->outputs
                    || (!whole && last != (output == samples->outputs - 1));
                for (int64_t k = 0; k < (whole ? samples->outputs : 1) && !results && output < samples->outputs; k++)
                    scores[output++] = signed_field(
                        top.o_payload, samples->score.at + k * samples->score.width, samples->score.width);
                if (last && !results++) {
                    best = field(top.o_payload, samples->best.at, samples->best.width);
                    cycles = cycle + 1;
                }
            }
            top.clk[0] = 1;
            top.step();
            settled = results && sent == end ? settled + 1 : 0;
        }
        if (malformed) return BAD_ANSWER;
        if (best != samples->classes[sample]) return WRONG_CLASS;
        bool same = std::equal(scores.begin(), scores.end(), samples->scores + sample * samples->outputs);
        return same ? RIGHT : WRONG_SCORE;
    }

public:
    explicit Injector(Ports &top) : top(top), state(top.module()) {}

    int64_t list(Store *stores) { return state.list(stores); }

    // The number of the first sample that is not answered as expected, or `count`.
    int64_t prepare(const Samples *given) {
        samples = given;
        words = (samples->payload_bits + 31) / 32;
        seen.resize(samples->layers);
        scores.resize(samples->outputs);
        reset();
        int64_t cycles, best;
        if (infer(0, nullptr, 0, cycles, best) != RIGHT) return 0;
        state.keep();
        for (int64_t k = 0; k < samples->count; k++) {
            state.restore();
            if (infer(k, nullptr, 0, samples->cycles[k], best, true) != RIGHT || !inside_is_right(k)) return k;
        }
        return samples->count;
    }

    void inject(Trial *trials, int64_t count, const Flip *flips, int64_t (*progress)(int64_t)) {
        for (int64_t k = 0; k < count; k++) {
            Trial &trial = trials[k];
            int64_t cycles, best;
            state.restore();
            trial.now = infer(trial.sample, flips + trial.flip, trial.flips, trial.cycles, trial.best);
            trial.inside = inside_is_right(trial.sample);
            trial.reset = NOT_ASKED;
            trial.next = trial.follower < 0 ? NOT_ASKED : infer(trial.follower, nullptr, 0, cycles, best);
            if (trial.follower >= 0 && trial.next != RIGHT) {
                reset();
                trial.reset = infer(trial.follower, nullptr, 0, cycles, best);
            }
            if ((k % 64 == 63 || k == count - 1) && progress(k + 1)) return;
        }
    }
};

}  // namespace spikeloom

#undef DESIGN
#define DESIGN(name, traces_of_layers)                                                    \
    struct name##_ports : spikeloom::Ports {                                              \
        name::p_core core;                                                                \
        name##_ports() {                                                                  \
            clk = C(p_clk); rst = C(p_rst);                                               \
            i_valid = C(p_i____valid); i_ready = C(p_i____ready); i_payload = C(p_i____payload); \
            o_valid = C(p_o____valid); o_ready = C(p_o____ready); o_payload = C(p_o____payload); \
            traces_of_layers                                                              \
        }                                                                                 \
        void step() override { core.step(); }                                             \
        cxxrtl::module &module() override { return core; }                                \
    };                                                                                    \
    struct name##_device { name##_ports ports; spikeloom::Injector injector{ports}; };    \
    extern "C" __attribute__((visibility("default"))) void *name##_open() { return new name##_device; } \
    extern "C" __attribute__((visibility("default"))) void name##_close(void *device) {   \
        delete static_cast<name##_device *>(device);                                      \
    }                                                                                     \
    extern "C" __attribute__((visibility("default"))) int64_t name##_list(void *device, spikeloom::Store *stores) { \
        return static_cast<name##_device *>(device)->injector.list(stores);               \
    }                                                                                     \
    extern "C" __attribute__((visibility("default"))) int64_t name##_prepare(             \
            void *device, const spikeloom::Samples *samples) {                            \
        return static_cast<name##_device *>(device)->injector.prepare(samples);           \
    }                                                                                     \
    extern "C" __attribute__((visibility("default"))) void name##_inject(                 \
            void *device, spikeloom::Trial *trials, int64_t count, const spikeloom::Flip *flips, \
            int64_t (*progress)(int64_t)) {                                               \
        static_cast<name##_device *>(device)->injector.inject(trials, count, flips, progress); \
    }
