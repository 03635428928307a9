// The state of a CXXRTL model: every memory and register, listed, flipped, kept and put back.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include <cxxrtl/cxxrtl.h>

namespace spikeloom {

// Mirrored field by field by `faults._Store`.
struct Store {
    const char *name;
    int64_t memory, width, depth;
};

class State {
    cxxrtl::debug_items items;
    std::vector<std::string> names;
    std::vector<const cxxrtl::debug_item *> stores;
    std::vector<uint32_t> kept;

    static size_t chunks(const cxxrtl::debug_item &item) { return (item.width + 31) / 32 * item.depth; }

public:
    explicit State(cxxrtl::module &model) {
        model.debug_info(&items, nullptr, "");
        for (auto &[name, parts] : items.table)
            for (auto &item : parts)
                if (item.type == cxxrtl::debug_item::MEMORY
                    || (item.type == cxxrtl::debug_item::WIRE && item.flags & cxxrtl::debug_item::DRIVEN_SYNC)) {
                    names.push_back(name);
                    stores.push_back(&item);
                }
    }

    int64_t list(Store *found) const {
        for (size_t k = 0; found && k < stores.size(); k++)
            found[k] = {names[k].c_str(), stores[k]->type == cxxrtl::debug_item::MEMORY,
                        int64_t(stores[k]->width), int64_t(stores[k]->depth)};
        return stores.size();
    }

    void flip(int64_t store, int64_t row, int64_t bit) {
        const cxxrtl::debug_item &item = *stores[store];
        size_t chunk = row * ((item.width + 31) / 32) + bit / 32;
        item.curr[chunk] ^= uint32_t(1) << bit % 32;
        if (item.next) item.next[chunk] ^= uint32_t(1) << bit % 32;
    }

    void keep() {
        kept.clear();
        for (auto *item : stores) kept.insert(kept.end(), item->curr, item->curr + chunks(*item));
    }

    void restore() {
        const uint32_t *from = kept.data();
        for (auto *item : stores) {
            std::copy(from, from + chunks(*item), item->curr);
            if (item->next) std::copy(from, from + chunks(*item), item->next);
            from += chunks(*item);
        }
    }
};

}  // namespace spikeloom
