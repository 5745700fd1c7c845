"""Real coding agents against the scripted model: `make agents` installs them, and without one its tests skip."""
