// What every driver of a CXXRTL model begins with: the headers that the model needs, and the bits of its ports.
#pragma once
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <vector>
#ifdef QUICK_BUILD
// Without optimization the attribute would still inline every operator of CXXRTL: twice the time to compile.
#define __always_inline__ __unused__
#endif
#include <cxxrtl/cxxrtl.h>

namespace spikeloom {

using Chunks = uint32_t *;

template <size_t Bits> Chunks chunks(cxxrtl::value<Bits> &port) { return port.data; }
template <size_t Bits> Chunks chunks(cxxrtl::wire<Bits> &port) { return port.curr.data; }

}
