"""A scripted model server: what agents call a model, without a key and without a network."""
