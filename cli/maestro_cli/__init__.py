"""The command line: a command parses, calls once and prints."""
