"""Tests of the wire protocols: values, and conversations over a pretend link."""
