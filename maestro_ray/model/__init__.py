"""The pure core: values and state machines. No I/O, no clock, no randomness, no Ray."""
