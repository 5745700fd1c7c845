"""The demo: a small real project with failing tests, a plan, a script for its developers, and a reviewer."""
