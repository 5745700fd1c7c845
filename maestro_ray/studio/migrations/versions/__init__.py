"""One file for each schema, `vNNNN_what_is_new.py`, never changed once it is released."""
