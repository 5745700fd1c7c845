"""Running an agent's program: shim, process, prompt."""
