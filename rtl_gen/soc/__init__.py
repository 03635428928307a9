"""A system on the chip: a RISC-V processor, the network as its memory-mapped peripheral, RAM and a serial line."""
