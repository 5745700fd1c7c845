"""Adapters to kinds of agents: one page each."""
