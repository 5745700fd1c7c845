"""The planner: what of a lead is an agent. It makes a plan of the team's goal, and is a worker in all else: it streams,
is steered, waits for limits and is taken back like one."""

from __future__ import annotations

from maestro_ray.actors.goal import LEAD
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import BeLead, BeWorker
from maestro_ray.actors.plan_bench import PlanBench
from maestro_ray.actors.worker import Worker
from maestro_ray.clock import Clock


def planner(part: BeLead, courier: Courier, clock: Clock) -> Worker | None:
    """That of this lead; None for one without a goal."""
    if part.goal is None:
        return None
    own = BeWorker(part.team, LEAD, LEAD, part.session, part.goal.provider)
    return Worker(own, courier, clock, PlanBench(own, part.goal))
