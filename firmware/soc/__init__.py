"""Bare-metal C for the system on the chip: the driver of its peripherals, an application, and their compilation."""
