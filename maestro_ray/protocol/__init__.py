"""Sans-I/O wire protocols: text in, events out."""
