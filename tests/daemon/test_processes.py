from __future__ import annotations

import os
import subprocess
import sys
import time

from maestro_ray.agent.sweep import ProcessId, alive, identify
from maestro_ray.daemon.processes import descendants, kill

TREE = "import subprocess, sys; subprocess.Popen(['sleep', '600'], start_new_session=True); print(flush=True); sys.stdin.read()"


def tree():
    """A process with a child in a session of its own."""
    parent = subprocess.Popen([sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    parent.stdout.readline()
    return parent


def test_a_family_is_found_and_ended_whatever_its_sessions():
    with tree() as parent:
        family = [identify(parent.pid), *descendants([parent.pid])]
        assert len(family) == 2
        kill(family)
        parent.wait()
    until = time.monotonic() + 60
    while any(alive(each) for each in family) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(alive(each) for each in family)


def test_a_process_that_only_has_the_same_number_is_left_alone():
    with subprocess.Popen(["sleep", "600"]) as stranger:
        known = identify(stranger.pid)
        kill([ProcessId(known.pid, known.start - 1)])
        assert alive(known)
        kill([known])
        stranger.wait()
    assert identify(os.getpid())
