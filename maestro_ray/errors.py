"""Every error maestro raises, in one tree; the branch says who is at fault.

MaestroError
├── UserError                    the person's: bad flags, files, repositories (exit 2 when it is usage)
│   ├── UsageError
│   │   ├── PlanFileError            a plan file, with line and column
│   │   ├── ConfigError              a configuration file, with line and column
│   │   ├── UnknownRole, NoWorkers, BadProvider
│   ├── NotARepository, EmptyRepository, BareRepository, GitFailed, GitMissing, NotWritable
│   │   └── DiskFull                 git, on a disk that takes nothing: full, or read-only
│   ├── OutputFailed                 what they want to read cannot be written
│   ├── BadRemote                    an address of `origin` that names no project
│   ├── BranchInUse, RefMoved        somebody else works on a branch; nothing was changed
│   ├── DatabaseTooNew, NotStudios   a database this version does not know
│   ├── DatabaseInUse                a running Studio has it
│   ├── NoSandbox                    one is required, and this machine has none
│   ├── NotFound                     a team, plan, task, decision that does not exist
│   │   └── NoTeam
│   ├── Forbidden                    one's role does not allow it
│   ├── TooManyRequests
│   ├── Outdated                     a change based on a state that is no longer the present one
│   └── Conflict                     a request the present state does not allow
├── AgentError                   the agent's program
│   ├── ProviderMissing
│   ├── OutOfSight                   its program lies where a box shows nothing
│   ├── NoAgentFound                 none is installed and signed in
│   ├── HeadMoved                    its worktree is no longer built on the commit it was given
│   ├── TooMuchLeft                  its worktree holds more than may be committed
│   └── AgentFailed
├── PeerError                    the other end of a wire
│   ├── StudioUnavailable, StudioRefused, BadFrame
│   ├── DatabaseUnavailable          a PostgreSQL server
│   └── StaleEpoch                   a report from a run that has been handed to somebody else
├── Reported                  another process said so (kind, message, hint and exit code travel with it)
└── Fault                        ours
    ├── DaemonUnavailable, DaemonRunning, RayMissing, ExtraMissing, StartFailed, PortTaken
    │   └── DaemonStopping           somebody asked it to stop
    ├── IllegalEvent                 a state machine has no such arrow
    ├── Unauthenticated
    ├── KeyringFailed                the system's keyring
    ├── JournalBroken
    ├── Unsendable                   what is to be said cannot be written as JSON in UTF-8
    ├── MigrationFailed              the database is as it was
    └── InternalError                a mistake of maestro's own

Arguments are positional and the text is made in `__str__`, so every error survives pickling across actors.
"""

from __future__ import annotations

import re
from typing import ClassVar


class MaestroError(Exception):
    """Base of the tree. `template` and `hint_template` are filled with the positional arguments."""

    template: ClassVar[str] = "{0}"
    hint_template: ClassVar[str] = ""
    exit_code: ClassVar[int] = 1

    @property
    def kind(self) -> str:
        """The stable name of this error in JSON, for example `not_a_repository`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()

    @property
    def hint(self) -> str:
        """What the reader can do about it, or an empty string."""
        return self.hint_template.format(*self.args)

    def __str__(self) -> str:
        return self.template.format(*self.args)


class UserError(MaestroError):
    """The person asked for something that cannot be."""


class UsageError(UserError):
    """The words of the command are wrong: `UsageError(message, hint)`."""

    exit_code = 2

    @property
    def hint(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else ""


class PlanFileError(UsageError):
    """`PlanFileError(path, line, column, message)`; line and column count from 1."""

    template = "{0}:{1}:{2}: {3}"

    @property
    def hint(self) -> str:
        return "the format is described in docs/reference/plan-file.md"


class ConfigError(UsageError):
    """`ConfigError(path, line, column, message, hint)`, the hint if there is one; line and column count from 1."""

    template = "{0}:{1}:{2}: {3}"

    @property
    def hint(self) -> str:
        return (
            str(self.args[4]) if len(self.args) > 4 else "the file was not changed; correct it and try again"
        )


class UnknownRole(UsageError):
    """`UnknownRole(role, known)`: a `--<role> N` that neither maestro nor the configuration defines."""

    template = "there is no worker role {0!r}"

    @property
    def hint(self) -> str:
        return f"known roles: {self.args[1]}; define others as [roles.NAME] in config.toml"


class NoWorkers(UsageError):
    """A team of nobody."""

    template = "a team needs at least one worker"

    @property
    def hint(self) -> str:
        return "for example: maestro team --dev 2 --review 1 --test 1"


class BadProvider(UsageError):
    """`BadProvider(text, reason)`."""

    template = "--provider {0}: {1}"

    @property
    def hint(self) -> str:
        return "the form is ROLE=NAME[:ARG], for example dev=command:'aider --message {prompt}'"


class NotARepository(UserError):
    """`NotARepository(path)`."""

    template = "{0} is not inside a git repository"
    hint_template = "run `git init` there, or name a repository with -C"


class EmptyRepository(UserError):
    """`EmptyRepository(path)`."""

    template = "{0} has no commits yet"
    hint_template = "workers start from a commit: make a first one with `git commit`"


class BareRepository(UserError):
    """`BareRepository(path)`."""

    template = "{0} is a bare repository"
    hint_template = "clone it and run maestro in the clone"


class OutputFailed(UserError):
    """`OutputFailed(reason)`."""

    template = "the output cannot be written: {0}"
    hint_template = "what was done is done; only its words are lost"


class GitFailed(UserError):
    """`GitFailed(arguments, exit_code, stderr)`."""

    template = "git {0} failed with exit code {1}: {2}"


class DiskFull(GitFailed):
    """`DiskFull(arguments, exit_code, stderr, path)`: where git was at work; nothing is half done."""

    template = "the disk takes nothing from git in {3}: {2}"
    hint_template = "make room there, or let it be written to; the work goes on by itself"


class GitMissing(UserError):
    """There is no `git` on PATH."""

    template = "the program git is not on PATH"
    hint_template = "install git 2.39 or newer"


class BadRemote(UserError):
    """`BadRemote(reason)`; the address is left out, it may hold a password."""

    template = "the address of the remote 'origin' cannot be read: {0}"
    hint_template = "see `git remote get-url origin`; change it with `git remote set-url origin URL`"


class BranchInUse(UserError):
    """`BranchInUse(branch, path)`: moving it would corrupt the checkout at `path`; nothing was changed."""

    template = "the branch {0} is checked out in {1}"
    hint_template = "switch to another branch there: git -C '{1}' switch --detach"


class RefMoved(UserError):
    """`RefMoved(ref, expected, actual)`: a compare-and-swap lost; an empty hash says there is no such ref."""

    def __str__(self) -> str:
        ref, expected, actual = self.args
        return f"{ref} is {actual or 'missing'}, expected {expected or 'no such ref'}; it was not changed"


class DatabaseTooNew(UserError):
    """`DatabaseTooNew(place, schema, newest)`: a later maestro made it; nothing was touched."""

    template = "the database {0} has schema {1}, made by a newer maestro; this one knows schemas up to {2}"
    hint_template = "install that version again, or restore an older copy: maestro studio restore FILE"


class NotStudios(UserError):
    """`NotStudios(place, reason)`: something else than a database of Studio; nothing was touched."""

    template = "{0} is not a database of Studio: {1}"


class DatabaseInUse(UserError):
    """`DatabaseInUse(path, pid)`: nothing was touched."""

    template = "the database {0} is in use by a running Studio (pid {1})"
    hint_template = "stop it with `maestro daemon stop`, and try again"


class NotWritable(UserError):
    """`NotWritable(path, reason)`."""

    template = "cannot write to {0}: {1}"
    hint_template = "check its owner and permissions, or set MAESTRO_HOME to a directory of yours"


class NotFound(UserError):
    """`NotFound(what, name, hint)`."""

    template = "there is no {0} {1!r}"

    @property
    def hint(self) -> str:
        return str(self.args[2]) if len(self.args) > 2 else ""


class NoTeam(NotFound):
    """Nothing to steer, watch or stop."""

    template = "no team runs on this repository"

    @property
    def hint(self) -> str:
        return "start one with `maestro team`; what runs elsewhere: `maestro status`"


class Forbidden(UserError):
    """`Forbidden(action, hint)`."""

    template = "your role does not allow you to {0}"

    @property
    def hint(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else ""


class TooManyRequests(UserError):
    """`TooManyRequests(seconds)`: how long to wait, a whole number."""

    template = "too many requests; try again in {0} s"


class Outdated(UserError):
    """`Outdated(what)`: it has changed since it was read."""

    template = "{0} has changed since you read it"
    hint_template = "read it again and repeat the change"


class Conflict(UserError):
    """`Conflict(message, hint)`: the present state does not allow it."""

    @property
    def hint(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else ""


class AgentError(MaestroError):
    """The agent's program is at fault."""


class NoSandbox(UserError):
    """`NoSandbox(why)`: a sandbox is required and this machine has none."""

    template = "no sandbox works here: {0}"
    hint_template = (
        'install bubblewrap, or set [sandbox] mode = "auto" in the config.toml of the state directory'
    )


class ProviderMissing(AgentError):
    """`ProviderMissing(role, program)`."""

    template = "the provider of role {0} needs the program {1!r}, which is not on PATH"
    hint_template = "install {1}, or choose another with --provider {0}=NAME"


class OutOfSight(AgentError):
    """`OutOfSight(program, path)`: where it really lies, links followed."""

    template = "a box does not show where the program {0!r} lies: {1}; name what it needs in [sandbox] read"


class NoAgentFound(AgentError):
    """`NoAgentFound(problems)`: why each agent that was looked for cannot be used, a sentence each."""

    template = "no coding agent was found here that is installed and signed in"

    @property
    def hint(self) -> str:
        return f"one is enough, or name another with --provider ROLE=NAME. {'; '.join(self.args[0])}"


class HeadMoved(AgentError):
    """`HeadMoved(head, start)`: the worktree's HEAD does not descend from the commit the work began at."""

    template = "the worktree is at {0}, which is not built on its start commit {1}"


class TooMuchLeft(AgentError):
    """`TooMuchLeft(path, size, all, most)`: sizes in bytes; the largest file, it all, and what may be."""

    template = "the agent left {2} bytes of new and changed files, {0} alone {1}; at most {3} are committed"


class AgentFailed(AgentError):
    """`AgentFailed(reason)`."""


class PeerError(MaestroError):
    """The other end of a wire is at fault or away."""


class StudioUnavailable(PeerError):
    """`StudioUnavailable(url, reason)`: nothing is known about whether the request took effect."""

    template = "Studio at {0} does not answer: {1}"
    hint_template = "see `maestro studio info` and `maestro daemon logs`"


class StudioRefused(PeerError):
    """`StudioRefused(status, code, detail)`: the request changed nothing."""

    template = "Studio refused ({0} {1}): {2}"


class DatabaseUnavailable(PeerError):
    """`DatabaseUnavailable(place, reason)`; the place without its password."""

    template = "the database {0} cannot be used: {1}"
    hint_template = "see [studio] database in config.toml"


class BadFrame(PeerError):
    """`BadFrame(reason)`: bytes that are not what the protocol allows."""

    template = "bad frame: {0}"


class StaleEpoch(PeerError):
    """`StaleEpoch(run, given, current)`: the run belongs to somebody else now; nothing was changed."""

    template = "run {0} is at epoch {2}; a report of epoch {1} is out of date"


class Fault(MaestroError):
    """Ours."""


class DaemonUnavailable(Fault):
    """`DaemonUnavailable(reason)`."""

    template = "the maestro daemon is not available: {0}"
    hint_template = "start it with `maestro daemon start`; what it wrote last: `maestro daemon logs`"


class DaemonStopping(DaemonUnavailable):
    """Somebody asked it to stop while this was waited for."""

    def __str__(self) -> str:
        return "the maestro daemon is being stopped"

    @property
    def hint(self) -> str:
        return "try again when it has stopped"


class DaemonRunning(Fault):
    """`DaemonRunning(pid)`: another daemon owns this state directory."""

    template = "a maestro daemon is already running for this state directory (pid {0})"
    hint_template = "use it as it is, or stop it with `maestro daemon stop`"


class RayMissing(Fault):
    """`RayMissing(reason)`."""

    template = "Ray cannot be used: {0}"
    hint_template = "install it beside maestro with: python -m pip install 'ray==2.60.0'"


class ExtraMissing(Fault):
    """`ExtraMissing(what, extra)`: an optional part of the installation."""

    template = "{0} needs a library that is not installed"
    hint_template = "install it beside maestro with: python -m pip install 'maestro-ray[{1}]'"


class StartFailed(Fault):
    """`StartFailed(what, reason)`."""

    template = "{0} did not start: {1}"
    hint_template = "the whole log: maestro daemon logs"


class PortTaken(Fault):
    """`PortTaken(port)`."""

    template = "port {0} on 127.0.0.1 is in use by another program"
    hint_template = "stop that program, or choose another port: [studio] port = N in config.toml"


class IllegalEvent(Fault):
    """`IllegalEvent(machine, state, event)`: there is no such arrow; nothing was changed."""

    template = "{0}: {2} is not possible in state {1}"


class Unauthenticated(Fault):
    """`Unauthenticated(reason, hint)`."""

    template = "not signed in: {0}"

    @property
    def hint(self) -> str:
        if len(self.args) > 1:
            return str(self.args[1])
        return (
            "sign in with `maestro auth INVITE`; somebody who may invite gets one from `maestro auth invite`; "
            "`maestro daemon restart` signs this machine in to its own Studio again"
        )


class KeyringFailed(Fault):
    """`KeyringFailed(reason)`."""

    template = "the system's keyring cannot be used: {0}"


class JournalBroken(Fault):
    """`JournalBroken(path, reason)`."""

    template = "journal {0} cannot be used: {1}"


class Unsendable(Fault):
    """`Unsendable(path, reason)`: the same again would not do better; nothing was sent."""

    template = "what {0} is to be told cannot be written as JSON: {1}"


class MigrationFailed(Fault):
    """`MigrationFailed(place, schema, reason)`: the database is as it was."""

    template = "the database {0} cannot be brought to schema {1}: {2}; it is as it was"


class InternalError(Fault):
    """`InternalError(what)`: nobody foresaw it."""

    template = "this is a mistake of maestro's own: {0}"
    hint_template = "--debug shows where it happened"


class Reported(MaestroError):
    """An error that came over a wire: `Reported(kind, message, hint, exit_code)`."""

    template = "{1}"

    @property
    def kind(self) -> str:
        return str(self.args[0])

    @property
    def hint(self) -> str:
        return str(self.args[2])

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # elsewhere a constant of the class
        return int(self.args[3])
