// `pins.h` with a device whose bits can be flipped. `sim/linked_faults.py` is the other half.
#pragma once
#include "pins.h"
#include "state.h"

namespace spikeloom {

// `Pins` makes its model itself: the newest one is its own.
template <class Core> struct Known : Core {
    static inline Known *newest = nullptr;
    Known() { newest = this; }
};

template <class Core> struct Faulty {
    Pins<Known<Core>> pins;
    State state{*Known<Core>::newest};
};

}  // namespace spikeloom

#undef DESIGN
#define SEEN extern "C" __attribute__((visibility("default")))
#define DESIGN(name, traces_of_layers)                                                                   \
    using name##_device = spikeloom::Faulty<name::p_core>;                                               \
    SEEN void *name##_open() { return new name##_device; }                                               \
    SEEN void name##_close(void *device) { delete static_cast<name##_device *>(device); }                \
    SEEN void name##_run(void *device, spikeloom::Exchange *exchange) {                                  \
        static_cast<name##_device *>(device)->pins.run(*exchange);                                       \
    }                                                                                                    \
    SEEN int64_t name##_list(void *device, spikeloom::Store *stores) {                                   \
        return static_cast<name##_device *>(device)->state.list(stores);                                 \
    }                                                                                                    \
    SEEN void name##_flip(void *device, int64_t store, int64_t row, int64_t bit) {                       \
        static_cast<name##_device *>(device)->state.flip(store, row, bit);                               \
    }                                                                                                    \
    SEEN void name##_keep(void *device) { static_cast<name##_device *>(device)->state.keep(); }          \
    SEEN void name##_restore(void *device) { static_cast<name##_device *>(device)->state.restore(); }
