/* Classifies the samples that were built in, and prints a line for each. */
#include "samples.h"
#include "soc.h"

int main(void) {
    if (!network_is_ours()) {
        print("the hardware holds another network\n");
        return 1;
    }
    print("network ");
    for (int k = 0; k < 4; k++)
        print_hex(NETWORK_IS_DIGEST0 >> 8 * k, 2);
    print("\n");
    for (int k = 0; k < SAMPLES; k++) {
        network_run(samples[k]);
        print("sample ");
        print_number(k);
        print(": class ");
        print_number((int32_t)NETWORK_CLASS);
        print(", cycles ");
        print_number((int32_t)NETWORK_CYCLES);
        print(", scores");
        for (uint32_t n = 0; n < NETWORK_IS_OUTPUTS; n++) {
            print(" ");
            print_number((int32_t)NETWORK_SCORES[n]);
        }
        print("\n");
    }
    return 0;
}
