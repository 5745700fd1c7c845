"""Targets for fuzzing: one function for each place where bytes of somebody else become values."""
