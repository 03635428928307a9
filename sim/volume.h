// Runs the CXXRTL model of a Core over whole batches of inferences. `sim/volume.py` is the other half.
//
// Rules that the driver keeps and checks: a payload that is offered stays until it is taken; the Core's results do the
// same, do not depend on `ready`, and come in index order; a layer's groups come in ascending order, each once a
// timestep; nothing comes after the last inference.
#pragma once
#include "ports.h"
#include <fstream>
#ifdef WAVES
#include <cxxrtl/cxxrtl_vcd.h>
#endif

namespace spikeloom {

inline uint64_t field(const uint32_t *data, int64_t at, int64_t width) {
    uint64_t out = 0;
    for (int64_t got = 0; got < width;) {
        int64_t bit = (at + got) % 32, take = std::min(width - got, 32 - bit);
        out |= (uint64_t(data[(at + got) / 32] >> bit) & ((uint64_t(1) << take) - 1)) << got;
        got += take;
    }
    return out;
}

inline int64_t signed_field(const uint32_t *data, int64_t at, int64_t width) {
    uint64_t sign = uint64_t(1) << (width - 1);
    return int64_t(field(data, at, width) ^ sign) - int64_t(sign);
}

// A design may have an input `mutant`: see `sim/mutation.py`.
template <class Core> auto mutant(Core &core, int) -> decltype(chunks(core.p_mutant)) { return chunks(core.p_mutant); }
template <class Core> Chunks mutant(Core &, long) { return nullptr; }

struct TracePorts { Chunks valid, group, spikes, membranes; };

struct Ports {
    Chunks clk, rst, i_valid, i_ready, i_payload, o_valid, o_ready, o_payload, mutant;
    std::vector<TracePorts> traces;
    virtual ~Ports() {}
    virtual void step() = 0;
    virtual cxxrtl::module &module() = 0;
};

struct Field { int64_t at, width; };

struct Layer {
    int64_t neurons, lanes, bits;
    uint8_t *spikes;
    int32_t *membranes;
};

enum Error : int64_t {
    NONE, HANG, GROUP_ORDER, EXTRA_TRACE, EXTRA_RESULT, LAST_MISPLACED, RESULT_CHANGED, READY_SEEN, STOPPED
};

// Mirrored field by field by `volume._Run`.
struct Run {
    const uint32_t *payloads;  // each in as many words as it needs
    const int64_t *starts;
    int64_t inferences, timesteps, outputs, payload_bits, result_bits, layers;
    const Layer *layer;
    Field score, best, last;   // scores follow each other; a last of width 0: all in one transfer
    int64_t pipelined, stall_seed, patience;
    int64_t *scores, *classes, *cycles;
    int64_t watch_layer, watch_event, watch_cycle;
    const char *waves;
    int64_t waves_from, waves_to;
    int64_t mutant, interrupt;
    int64_t (*progress)(int64_t);  // other than 0: stop
    int64_t total_cycles, error, error_layer, error_inference, error_cycle;
};

class Driver {
    Run &run;
    Ports &top;
    int64_t cycle = 0, idle = 0, sent = 0, offered = 0, results = 0, output = 0;
    int64_t first_sent = -1, last_result = -1, started = -1;
    std::vector<int64_t> seen, first_transfer;
    uint64_t random;
    int64_t hold_in = 0, hold_out = 0;
    bool offering = false, pending = false;
    int64_t words, result_words;
    std::vector<uint32_t> pending_payload;
#ifdef WAVES
    cxxrtl::vcd_writer vcd;
    std::ofstream file;
#endif

    uint64_t draw() {
        random ^= random << 13; random ^= random >> 7; random ^= random << 17;
        return random;
    }

    // In stretches of 64 cycles each side is free, half busy, or busy seven times in eight.
    bool stalled(int64_t &mood) {
        if (!run.stall_seed) return false;
        if (cycle % 64 == 0) mood = draw() % 3;
        return mood == 1 ? draw() & 1 : mood == 2 && draw() % 8;
    }

    bool fail(Error error, int64_t layer, int64_t inference) {
        run.error = error; run.error_layer = layer; run.error_inference = inference; run.error_cycle = cycle;
        return false;
    }

    void put(const uint32_t *payload) { std::copy(payload, payload + words, top.i_payload); }

    void garbage() {
        for (int64_t k = 0; k < words; k++) top.i_payload[k] = run.stall_seed ? uint32_t(draw()) : 0x55555555u;
        if (run.payload_bits % 32) top.i_payload[words - 1] &= (uint32_t(1) << run.payload_bits % 32) - 1;
    }

    bool traces() {
        for (int64_t k = 0; k < run.layers; k++) {
            const TracePorts &port = top.traces[k];
            if (!port.valid[0]) continue;
            const Layer &layer = run.layer[k];
            int64_t groups = (layer.neurons + layer.lanes - 1) / layer.lanes, event = seen[k]++;
            int64_t page = event / groups, group = event % groups;
            if (page >= run.inferences * run.timesteps) return fail(EXTRA_TRACE, k, run.inferences);
            if (int64_t(port.group[0]) != group) return fail(GROUP_ORDER, k, page / run.timesteps);
            for (int64_t u = 0, n = group * layer.lanes; u < layer.lanes && n < layer.neurons; u++, n++) {
                layer.spikes[page * layer.neurons + n] = field(port.spikes, u, 1);
                layer.membranes[page * layer.neurons + n] = signed_field(port.membranes, u * layer.bits, layer.bits);
            }
            if (k == run.watch_layer && event == run.watch_event) run.watch_cycle = cycle;
            idle = 0;
        }
        return true;
    }

    bool result() {
        if (results >= offered) return fail(EXTRA_RESULT, -1, results);
        bool whole = !run.last.width, last = whole || field(top.o_payload, run.last.at, 1);
        if (!whole && last != (output == run.outputs - 1)) return fail(LAST_MISPLACED, -1, results);
        for (int64_t k = 0; k < (whole ? run.outputs : 1); k++)
            run.scores[results * run.outputs + output++] =
                signed_field(top.o_payload, run.score.at + k * run.score.width, run.score.width);
        last_result = cycle;
        idle = 0;
        if (last) {
            run.classes[results] = field(top.o_payload, run.best.at, run.best.width);
            run.cycles[results] = cycle - first_transfer[results] + 1;
            results++;
            output = 0;
            if ((results % 64 == 0 || results == run.inferences) && run.progress(results))
                return fail(STOPPED, -1, results);
        }
        return true;
    }

    bool traced(int64_t inferences) {
        for (int64_t k = 0; k < run.layers; k++) {
            const Layer &layer = run.layer[k];
            if (seen[k] < inferences * run.timesteps * ((layer.neurons + layer.lanes - 1) / layer.lanes)) return false;
        }
        return true;
    }

    // A result that was refused must stand, and must not look at `ready`.
    bool results_are_held(bool ready) {
        if (pending && (!top.o_valid[0] || !std::equal(pending_payload.begin(), pending_payload.end(), top.o_payload)))
            return fail(RESULT_CHANGED, -1, results);
        pending_payload.assign(top.o_payload, top.o_payload + result_words);
        if (!ready) {
            bool valid = top.o_valid[0];
            top.o_ready[0] = 1;
            top.step();
            if (valid != bool(top.o_valid[0])) return fail(READY_SEEN, -1, results);
            top.o_ready[0] = 0;
            top.step();
        }
        pending = top.o_valid[0] && !ready;
        return true;
    }

    bool clock(bool feed) {
        top.clk[0] = 0;
        if (!offering) offering = feed && !stalled(hold_in);
        top.i_valid[0] = offering;
        if (offering) put(run.payloads + sent * words); else garbage();
        bool ready = !stalled(hold_out);
        top.o_ready[0] = ready;
        top.step();
        if (run.stall_seed && !results_are_held(ready)) return false;
        bool taken = offering && top.i_ready[0];
        if (taken) {
            if (first_sent < 0) first_sent = cycle;
            if (sent == run.starts[offered]) { first_transfer.push_back(cycle); offered++; }
            idle = 0;
        }
        bool good = traces() && (!top.o_valid[0] || !ready || result());
        sample(0);
        top.clk[0] = 1;
        top.step();
        sample(5);
        sent += taken;
        offering &= !taken;
        cycle++;
        return good && (++idle < run.patience || fail(HANG, -1, results));
    }

    void sample(int64_t phase) {
#ifdef WAVES
        if (!run.waves || cycle < run.waves_from || cycle > run.waves_to) return;
        vcd.sample(10 * cycle + phase);
        file << vcd.buffer;
        vcd.buffer.clear();
#endif
    }

    void reset(int cycles) {
        top.rst[0] = 1;
        for (int k = 0; k < 2 * cycles; k++) { top.clk[0] = k & 1; top.step(); }
        top.rst[0] = 0;
    }

    // What a reset of one cycle, as the link's is, cuts short: the same transfers, results taken every second cycle,
    // nothing looked at.
    void work() {
        for (int64_t k = 0, at = 0; k < run.interrupt; k++) {
            top.clk[0] = 0;
            top.i_valid[0] = 1;
            top.o_ready[0] = k & 1;
            put(run.payloads + at * words);
            top.step();
            at = (at + top.i_ready[0]) % run.starts[run.inferences];
            top.clk[0] = 1;
            top.step();
        }
    }

    void open_waves() {
#ifdef WAVES
        if (!run.waves) return;
        file.open(run.waves);
        cxxrtl::debug_items items;
        top.module().debug_info(&items, nullptr, "core ");
        vcd.timescale(1, "ns");
        vcd.add_without_memories(items);
#endif
    }

public:
    Driver(Run &run, Ports &top)
        : run(run), top(top), seen(run.layers), random(run.stall_seed), words((run.payload_bits + 31) / 32),
          result_words((run.result_bits + 31) / 32) {}

    void go() {
        open_waves();
        if (top.mutant) top.mutant[0] = uint32_t(run.mutant);
        reset(2);
        if (run.interrupt) { work(); reset(1); }
        for (int64_t b = 0; b < run.inferences; b++) {
            int64_t upto = run.starts[run.pipelined ? run.inferences : b + 1];
            int64_t done = run.pipelined ? run.inferences : b + 1;
            while (results < done || sent < upto || !traced(done))
                if (!clock(sent < upto)) return;
            if (run.pipelined) break;
        }
        run.total_cycles = last_result - first_sent + 1;
        for (int k = 0; k < 200; k++)
            if (idle = 0, !clock(false)) return;
    }
};

}  // namespace spikeloom

#define TRACE(k) traces.push_back({C(p_trace##k##____valid), C(p_trace##k##____group), \
                                   C(p_trace##k##____spikes), C(p_trace##k##____membranes)});
#define C(port) spikeloom::chunks(core.port)
#define DESIGN(name, traces_of_layers)                                                    \
    struct name##_ports : spikeloom::Ports {                                              \
        name::p_core core;                                                                \
        name##_ports() {                                                                  \
            clk = C(p_clk); rst = C(p_rst);                                               \
            i_valid = C(p_i____valid); i_ready = C(p_i____ready); i_payload = C(p_i____payload); \
            o_valid = C(p_o____valid); o_ready = C(p_o____ready); o_payload = C(p_o____payload); \
            mutant = spikeloom::mutant(core, 0);                                          \
            traces_of_layers                                                              \
        }                                                                                 \
        void step() override { core.step(); }                                             \
        cxxrtl::module &module() override { return core; }                                \
    };                                                                                    \
    extern "C" __attribute__((visibility("default"))) void name##_run(spikeloom::Run *run) { \
        name##_ports ports;                                                               \
        spikeloom::Driver(*run, ports).go();                                              \
    }
