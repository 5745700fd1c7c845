"""The team's actors as plain classes; runtime.py alone imports Ray."""
