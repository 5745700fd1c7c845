"""Tests of the processes that run agents: real programs under a real shim."""
