"""The instruction set: what the processor may do."""
