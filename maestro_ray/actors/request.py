"""A request for a team, checked before anything is made for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.equipping import definitions, equip, untrusted, with_model
from maestro_ray.actors.goal import LEAD, Goal
from maestro_ray.actors.goal import LONGEST as LONGEST_GOAL
from maestro_ray.actors.knowledge import ANALYST
from maestro_ray.actors.params import of_the_system, sound
from maestro_ray.agent import sandbox
from maestro_ray.agent.limits import not_kept
from maestro_ray.budget_table import BudgetTable, caps_of
from maestro_ray.config import Config, SandboxTable
from maestro_ray.errors import NoWorkers, UnknownRole, UsageError
from maestro_ray.extensions.definitions import Definition
from maestro_ray.home import Home
from maestro_ray.model.plan_file import PlanDraft, from_json
from maestro_ray.model.skill import read_skills
from maestro_ray.ports import ProviderSpec
from maestro_ray.prices import Prices
from maestro_ray.providers import auto
from maestro_ray.providers.command import Command
from maestro_ray.providers.installed import Installed
from maestro_ray.providers.registry import build, kinds, resolve
from maestro_ray.workspace.git import presentable
from maestro_ray.workspace.remote import project_key
from maestro_ray.workspace.repo import Repo

BUILT_IN_ROLES = ("dev", "review", "test", ANALYST)
LARGEST_TEAM = 256  # workers; each is a process
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class TeamRequest:
    """What a person asked for and can have."""

    repo: Repo
    key: str
    bot: str
    base: str
    roles: Mapping[str, int]
    skills: Mapping[str, Mapping[str, int]]
    providers: Mapping[str, ProviderSpec]
    draft: PlanDraft | None
    env: Mapping[str, str]
    config: Config
    budget: BudgetTable = field(default_factory=BudgetTable)
    goal: Goal | None = None
    equipment: Equipment = field(default_factory=Equipment)

    @property
    def serves_all(self) -> bool:
        """Whether it is for every plan of the project, having none of its own and no goal."""
        return self.draft is None and self.goal is None

    @property
    def workers(self) -> list[dict[str, Any]]:
        """`{name, role, skills, pool}` of each worker to be; names are `<role>-<n>`."""
        return [
            {
                "name": f"{role}-{number}",
                "role": role,
                "skills": dict(self.skills.get(role, {})),
                "pool": build(self.providers[role]).account,
            }
            for role, count in self.roles.items()
            for number in range(1, count + 1)
        ]


@dataclass(frozen=True)
class Asked:
    """The words of the request as they came over the line; `roles` maps a role to a number of workers.

    `alone` allows a lead without workers: they come later, from other terminals. `budget` are caps that come before
    those of the configuration. `goal` is what a plan is to be made of, in words, and `yes` that the operator wants to
    see none before it is carried out. `skills` are given to every worker.
    """

    repo: str
    roles: Mapping[str, int] = field(default_factory=dict)
    providers: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, Any] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    name: str = ""
    alone: bool = False
    budget: Mapping[str, Any] = field(default_factory=dict)
    goal: str = ""
    yes: bool = False
    skills: Sequence[str] = ()


def check(asked: Asked, home: Home) -> TeamRequest:
    """The request, or the first thing that is wrong with it as an error. Blocks: it runs git and reads files."""
    _check_types(asked)
    repo = _open(asked.repo)
    config = Config.load(home, repo.root)
    budget = _budget(asked).under(config.budget)
    Prices.load(home.root)
    roles = _roles(asked, config)
    draft = from_json(asked.plan) if asked.plan is not None else None
    base = (asked.base or (draft.base if draft else "") or repo.default_base()).removeprefix("refs/heads/")
    repo.tip(base)
    defined = definitions(home, repo.root, config, roles)
    providers = _providers(asked, config, roles, repo, defined)
    skills = {role: _skills(role, _words(role, config, asked.skills)) for role in roles}
    if draft is not None:
        _can_be_done(draft, roles, skills, providers)
    goal = _goal(asked, config, base, roles, providers, repo) if asked.goal else None
    return TeamRequest(
        repo,
        project_key(repo, home.machine_id()),
        check_name(asked.name or config.bot, "the bot"),
        base,
        roles,
        skills,
        providers,
        draft,
        asked.env,
        config,
        budget,
        goal,
        equip(
            home,
            repo.root,
            config,
            {role: list(skills[role]) for role in roles},
            asked.skills,
            defined,
            providers,
        ),
    )


def _words(role: str, config: Config, asked: Sequence[str]) -> tuple[str, ...]:
    """The skills of a role as they were written: those of its table, and what was asked for besides."""
    table = config.roles[role].skills if role in config.roles else ()
    named = {word.partition(":")[0].strip() for word in table}
    return (*table, *(name for name in asked if name not in named))


def _budget(asked: Asked) -> BudgetTable:
    if not isinstance(asked.budget, Mapping):
        raise UsageError("budget must map caps to numbers", "")
    try:
        return caps_of(asked.budget)
    except ValueError as bad:
        raise UsageError(str(bad), "") from None


def _open(path: str) -> Repo:
    repo = Repo.open(Path(path))
    try:
        str(repo.root).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the path {presentable(str(repo.root))} is not UTF-8, which agents and Studio need",
            "rename the directory, or clone the repository to another place",
        ) from None
    return repo


def _check_types(asked: Asked) -> None:
    """The line carries any JSON; what is not of the shape above is refused here and not somewhere inside."""
    of_the_system("repo", asked.repo)
    sound("base", asked.base)
    sound("name", asked.name)
    _check_table("roles", asked.roles, int)
    for name, table in (("providers", asked.providers), ("env", asked.env)):
        _check_table(name, table, str)
        for key, value in table.items():
            of_the_system(f"a name in {name}", key)
            of_the_system(f"{key} in {name}", value)
    sound("goal", asked.goal)
    for name in ("alone", "yes"):
        if not isinstance(getattr(asked, name), bool):
            raise UsageError(f"{name} must be true or false", "")
    if not isinstance(asked.skills, list | tuple):
        raise UsageError("skills must be a list of names", "")
    for each in asked.skills:
        sound("a name in skills", each)


def _check_table(name: str, table: object, kind: type) -> None:
    if not isinstance(table, Mapping) or any(type(value) is not kind for value in table.values()):
        raise UsageError(f"{name} must map names to {'numbers' if kind is int else 'strings'}", "")


def check_name(name: str, whose: str) -> str:
    """A name that can stand in a file name, a channel and a commit; those maestro uses itself are not free."""
    if not _NAME.fullmatch(name) or name in ("lead", "channel") or name.startswith("lead-"):
        raise UsageError(
            f"{name!r} cannot be the name of {whose}", "use letters, digits, '-', '_' and '.', at most 40"
        )
    return name


def _roles(asked: Asked, config: Config) -> dict[str, int]:
    known = [*BUILT_IN_ROLES, *(role for role in config.roles if role not in (*BUILT_IN_ROLES, LEAD))]
    of_lead = {LEAD} if asked.goal else set()
    for role in (*asked.roles, *(role for role in asked.providers if role not in of_lead)):
        if role not in known:
            raise UnknownRole(role, ", ".join(known))
    if negative := next((role for role, count in asked.roles.items() if count < 0), ""):
        raise UsageError(f"the number of {negative} workers cannot be negative", "")
    if sum(asked.roles.values()) > LARGEST_TEAM:
        raise UsageError(f"a team has at most {LARGEST_TEAM} workers", "each of them is a process")
    roles = {role: count for role, count in asked.roles.items() if count > 0}
    if not roles and not asked.alone:
        raise NoWorkers
    return roles


def _providers(
    asked: Asked,
    config: Config,
    roles: Mapping[str, int],
    repo: Repo,
    defined: Mapping[str, Definition],
) -> dict[str, ProviderSpec]:
    choices = {}
    for role in roles:
        table = config.roles.get(role)
        choice = (
            asked.providers.get(role)
            or (table.provider if table else "")
            or (defined[role].provider if role in defined else "")
            or ("command" if role == "test" else auto.AUTO)
        )
        choices[role] = auto.named(choice, asked.env, kinds())
    specs = {
        role: with_model(spec, defined.get(role), isinstance(build(spec), Installed))
        for role, spec in resolve(choices, config, repo.root).items()
    }
    for role, spec in specs.items():
        build(spec).check(asked.env.get("PATH", ""), role)
    return {role: replace(spec, permissions=_permissions(config, role)) for role, spec in specs.items()}


def _permissions(config: Config, role: str) -> tuple[str, ...]:
    return config.roles[role].permissions if role in config.roles else ()


def _goal(
    asked: Asked,
    config: Config,
    base: str,
    roles: Mapping[str, int],
    providers: Mapping[str, ProviderSpec],
    repo: Repo,
) -> Goal:
    """What the lead's agent is asked for, in a team that can do what it plans."""
    text = asked.goal.strip()
    if not text or len(text) > LONGEST_GOAL:
        raise UsageError(f"a goal is a text of at most {LONGEST_GOAL} characters", "put the rest into a file")
    if asked.plan is not None:
        raise UsageError("a goal and a plan cannot be given together", "the lead makes a plan of the goal")
    _has_a_reviewer(roles)
    if not roles.keys() - {"review", "test"}:
        raise UsageError("nobody in the team makes changes", "add --dev 1")
    provider = _providers(asked, config, {LEAD: 1}, repo, {})[LEAD]
    if provider.kind == "manual":
        raise UsageError("a person who plans writes a plan file", "give it with --plan FILE")
    return Goal(
        text,
        provider,
        base,
        asked.yes,
        tests=bool(_testing(providers)),
        attempts=max(1, config.attempts),
        revision_cap=config.revision_cap,
        reviewers=reviewers_of(config, roles),
        review_policy=config.review_policy,
    )


def reviewers_of(config: Config, roles: Mapping[str, int]) -> int:
    """How many judge each commit: as many as are wanted, if they are there."""
    return max(1, min(config.reviewers, roles.get("review", 0)))


def _skills(role: str, words: tuple[str, ...]) -> dict[str, int]:
    try:
        return read_skills(words)
    except ValueError as bad:
        raise UsageError(f"[roles.{role}] skills: {bad}", 'for example skills = ["python:4"]') from None


def _can_be_done(
    draft: PlanDraft,
    roles: Mapping[str, int],
    skills: Mapping[str, Mapping[str, int]],
    providers: Mapping[str, ProviderSpec],
) -> None:
    """A plan that nobody in the team can finish is refused now, and not found stuck later."""
    _has_a_reviewer(roles)
    testing = _testing(providers)
    for task in draft.tasks:
        if task.role == "lead":
            raise UsageError(
                f"task {task.key!r} is for the lead, who takes no tasks",
                "give it to another role, for example dev",
            )
        if task.role not in roles:
            raise UsageError(
                f"task {task.key!r} needs a worker of role {task.role!r}", f"add --{task.role} 1"
            )
        if task.skill and skills.get(task.role, {}).get(task.skill, 0) < task.proficiency:
            raise UsageError(
                f"no {task.role} worker has the skill {task.skill!r} at level {task.proficiency}",
                f'give it to the role: [roles.{task.role}] skills = ["{task.skill}:{task.proficiency}"] in config.toml',
            )
        if testing and not (task.test or draft.test):
            raise UsageError(
                f"the role {testing[0]} runs the test command, but neither the plan nor task {task.key!r} names one",
                'add test = "…" to the plan or to the task',
            )


def _has_a_reviewer(roles: Mapping[str, int]) -> None:
    if "review" not in roles:
        raise UsageError("the plan needs a reviewer: nothing is merged without a verdict", "add --review 1")


def _testing(providers: Mapping[str, ProviderSpec]) -> list[str]:
    """The roles that run test commands, and can do nothing without one."""
    return [role for role, spec in providers.items() if spec.kind == "command" and Command(spec).needs_test]


def warnings(request: TeamRequest, config: Config, home: Path) -> list[str]:
    """What a person should know and may ignore; `config` is that of the machine, `home` the state directory. Blocks: in
    a large repository this look takes seconds."""
    found, repo = [], request.repo
    if changes := repo.dirty():
        files = "file" if len(changes) == 1 else "files"
        found.append(
            f"{len(changes)} uncommitted {files} in {repo.root}: "
            "workers start from the last commit and will not see them"
        )
    found += [*request.equipment.notes, *untrusted(request.equipment.hooks, home)]
    found += _of_the_sandbox(config.sandbox, [role for role, count in request.roles.items() if count])
    found += _of_permissions(request)
    wanted, there = request.config.reviewers, request.roles.get("review", 0)
    if not request.serves_all and wanted > there:
        are = "is 1" if there == 1 else f"are {there}"
        found.append(f"[review] reviewers = {wanted}, but there {are} in the team: that many judge its work")
    found += [f"[agents.limits] {key}: {why}" for key, why in not_kept(config.limits).items()]
    found += filter(
        None,
        (auto.warning(kind, request.env) for kind in {each.kind: 0 for each in request.providers.values()}),
    )
    return found


def _of_permissions(request: TeamRequest) -> list[str]:
    """Who cannot ask cannot be told no either: what keeps such an agent is its box alone."""
    return [
        f"[roles.{role}.permissions] do not hold for {spec.kind}: its agents cannot ask for leave"
        for role, spec in request.providers.items()
        if request.roles.get(role)
        and any(not line.startswith("allow ") and line != "unattended allow" for line in spec.permissions)
        and not getattr(build(spec), "asks", False)
    ]


def _of_the_sandbox(rules: SandboxTable, roles: Sequence[str]) -> list[str]:
    layer = sandbox.layer("off" if rules.mode == "off" else "auto")
    found = []
    if rules.mode != "off" and not layer:
        found.append(
            f"agents can read and change whatever you can: no sandbox works here ({sandbox.missing()})"
        )
    # of the layers only bubblewrap knows the network
    if layer != "bubblewrap" and (named := [role for role in roles if role in rules.offline]):
        why = f"with {layer} it cannot be closed" if layer else "without a sandbox nothing closes it"
        found.append(f"[sandbox] offline: {', '.join(named)} can reach the network all the same, {why}")
    return found
