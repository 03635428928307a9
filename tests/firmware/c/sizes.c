/* What ctypes must agree on with the compiler, for the tests. */
#include "spikeloom.h"

extern const size_t size_of_spikeloom, size_of_weights, size_of_network, size_of_line, size_of_unframer;
extern const int error_count;
const char *error_name(int error);

const size_t size_of_spikeloom = sizeof(struct spikeloom);
const size_t size_of_weights = sizeof(struct spikeloom_weights);
const size_t size_of_network = sizeof(struct spikeloom_network);
const size_t size_of_line = sizeof(struct spikeloom_transport);
const size_t size_of_unframer = sizeof(struct spikeloom_unframer);
const int error_count = SPIKELOOM_ERROR_COUNT;

const char *error_name(int error)
{
#define NAME(name, meaning) #name,
    static const char *const names[] = {SPIKELOOM_ERRORS(NAME) ""};
#undef NAME
    return names[error];
}
