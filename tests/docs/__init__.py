"""Tests of the documentation: its commands are run, its examples read, its tables compared with the code."""
