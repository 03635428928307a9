"""The host link: bytes of a line in, inferences of a core out, as `spikeloom.rtl_gen.protocol` lays down."""
