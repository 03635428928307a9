#include "soc.h"

static const uint32_t digest[] = {
    NETWORK_IS_DIGEST0, NETWORK_IS_DIGEST1, NETWORK_IS_DIGEST2, NETWORK_IS_DIGEST3,
    NETWORK_IS_DIGEST4, NETWORK_IS_DIGEST5, NETWORK_IS_DIGEST6, NETWORK_IS_DIGEST7,
};

int network_is_ours(void) {
    if (NETWORK_MAGIC != NETWORK_IS_MAGIC || NETWORK_VERSION != NETWORK_IS_VERSION)
        return 0;
    for (int k = 0; k < 8; k++)
        if (NETWORK_DIGEST[k] != digest[k])
            return 0;
    return 1;
}

void network_run(const uint16_t *frame) {
    for (uint32_t k = 0; k < NETWORK_IS_FRAME_WORDS; k++)
        NETWORK_FRAME[k] = frame[k];
    NETWORK_CONTROL = NETWORK_START;
    while (NETWORK_STATUS & NETWORK_BUSY) {
    }
}

void print(const char *text) {
    while (*text)
        SERIAL_SEND = (uint8_t)*text++;
}

void print_number(int32_t number) {
    static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    uint32_t left = (uint32_t)number;
    int begun = 0;
    if (number < 0) {
        SERIAL_SEND = '-';
        left = -left;
    }
    for (int k = 0; k < 10; k++) {
        char digit = '0';
        for (; left >= powers[k]; left -= powers[k])
            digit++;
        begun |= digit != '0' || k == 9;
        if (begun)
            SERIAL_SEND = (uint8_t)digit;
    }
}

void print_hex(uint32_t number, int digits) {
    while (digits--)
        SERIAL_SEND = (uint8_t)"0123456789abcdef"[number >> 4 * digits & 15];
}

int receive(void) {
    return SERIAL_STATUS & SERIAL_RECEIVED ? (int)SERIAL_RECEIVE : -1;
}
