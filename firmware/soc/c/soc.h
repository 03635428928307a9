/* The driver: the network and the serial line from C. The processor has no multiplier: divide and multiply sparingly,
   and by powers of two at best. */
#ifndef SOC_H
#define SOC_H
#include "registers.h"

/* 1 if the hardware holds the network that this program was made for. */
int network_is_ours(void);

/* One inference: NETWORK_IS_FRAME_WORDS words in; afterwards NETWORK_CLASS, NETWORK_CYCLES and NETWORK_SCORES[..] hold
   what came out. */
void network_run(const uint16_t *frame);

void print(const char *text);
void print_number(int32_t number);
void print_hex(uint32_t number, int digits);

/* The next byte that comes over the line, or -1 if none waits. */
int receive(void);

#endif
