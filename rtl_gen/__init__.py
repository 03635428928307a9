"""Network to Plan to Amaranth components to Verilog. Never torch."""
