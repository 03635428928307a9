// Does to Spiker+'s network in Verilog, as it is placed, what spikerplus_bench.vhd does to it in VHDL, and writes the
// same lines, but "0" for the hidden spikes, which the Verilog does not show.

#include <cstdint>
#include <fstream>
#include <string>

#include "Vnetwork.h"

constexpr int kOutputs = 10;
constexpr int kBits = MEMBRANE_BITS;

static Vnetwork top;
static std::ofstream seen("seen.txt");

static void tick() {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
}

static void observe() {
    seen << "0 ";
    for (int k = kOutputs - 1; k >= 0; k--) seen << (top.out_spikes >> k & 1);
    for (int k = 0; k < kOutputs; k++) {
        int64_t value = 0;
        for (int bit = 0; bit < kBits; bit++) {
            const int at = k * kBits + bit;
            value |= int64_t(top.neuron_dp_none_v[at / 32] >> at % 32 & 1) << bit;
        }
        seen << ' ' << (value >> (kBits - 1) ? value - (int64_t(1) << kBits) : value);
    }
    seen << '\n';
}

static void show(const std::string &frame) {
    for (size_t k = 0; k < frame.size(); k++) {
        const uint32_t bit = uint32_t(1) << k % 32;
        if (frame[frame.size() - 1 - k] == '1') top.in_spikes[k / 32] |= bit;
        else top.in_spikes[k / 32] &= ~bit;
    }
}

int main() {
    std::ifstream frames("frames.txt");
    std::string frame;
    top.sample_ready = 1;
    for (int k = 0; k < 4; k++) tick();
    top.rst_n = 1;
    while (frames.peek() != EOF) {
        for (bool ready = false; !ready; tick()) ready = top.ready;
        top.start = 1;
        tick();
        top.start = 0;
        int cycles = 0;
        for (bool ready = false; !ready; cycles++) {
            ready = top.ready;
            const bool sample = top.sample && !ready;
            if (sample || ready) observe();
            tick();
            if (sample && std::getline(frames, frame)) show(frame);
        }
        seen << "end " << cycles << '\n';
    }
    return 0;
}
