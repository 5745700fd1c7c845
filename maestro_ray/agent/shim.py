"""Stands between a worker and its agent, and dies only when the agent's whole process tree is gone.

Run as `python -I -S shim.py CONTROL REPORT LAUNCH`; the three are inherited descriptors, 0 to 2 are the agent's.
It imports nothing of ours and is compiled by the worker: it starts once per agent, so its milliseconds count.

LAUNCH is a file of fields that each end in NUL, which no argument, path or variable can contain: grace in
seconds, directory, 1 when the program is only the guard of a box with the agent inside, the directory of a cgroup to
be made or nothing; four lists, each with its length before it: what to set in that cgroup (`FILE VALUE`), limits of
each process (`RESOURCE SOFT HARD`), Landlock's rules (see `landlock.py`), the arguments; then NAME=VALUE for the
whole environment.

CONTROL is read: `T` or the end of it stops everything, `I` interrupts the agent. Only the worker holds the other
end, so its death, however sudden, is the end of CONTROL. SIGTERM to the shim means the same as `T`.

REPORT is written, one JSON object a line, one line a write: `started` or `failed`, then `exited` when the agent
itself ended, with the `limit` it met if it met one, then `gone` when no descendant is left. A REPORT that nobody
reads changes nothing.
"""

# contextlib would add 4 ms to the start.
# ruff: noqa: SIM105, SLF001

from __future__ import annotations

import _ctypes
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import signal
else:
    import _signal as signal  # `signal` builds its enums at import: 8 ms
    import posix as os  # all we need of it, without the 2 ms for what it adds

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

ORPHAN_GRACE = 0.5  # seconds from SIGTERM to SIGKILL when the worker died: all must be gone within two
LEFTOVER_GRACE = 0.5  # the same for what the agent left behind
FOREVER = float("inf")
RLIMIT_CPU, RLIMIT_FSIZE = 0, 1
CLONE3, INTO_CGROUP = 435, 1 << 33

# of landlock(7), the same on every architecture
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULESET_VERSION, PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
# what a version can refuse: 2 knows renaming into another directory, 3 knows truncation
OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1}
EVERYTHING = (1 << 15) - 1
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
# from version 6 on: neither signals nor abstract sockets lead out of the box
SCOPES, ABSTRACT_SOCKETS = 3, 1
S_ISUID = 0o4000


class Launch:
    """What LAUNCH says."""

    def __init__(self, fields: list[bytes]) -> None:
        grace, self.directory, guard, self.group, *rest = fields
        self.grace, self.guard = float(grace), guard == b"1"
        lists = []
        for _ in range(4):
            count = int(rest[0]) + 1
            lists.append(rest[1:count])
            rest = rest[count:]
        self.settings, self.limits, self.rules, self.argv = lists
        self.env = dict(entry.split(b"=", 1) for entry in rest)

    def limit(self, resource: int) -> int:
        """The soft limit of a resource of each process, 0 when it has none."""
        words = [limit.split() for limit in self.limits]
        return next((int(soft) for number, soft, _ in words if int(number) == resource), 0)


class Group:
    """The cgroup of this run. Where none can be made nothing of this does anything: our descendants are all we know."""

    def __init__(self, path: bytes, settings: list[bytes]) -> None:
        self.path = path
        try:
            os.mkdir(path)
        except OSError:
            self.path = b""
        for setting in settings:
            self.write(*setting.split())

    def write(self, name: bytes, value: bytes) -> None:
        if self.path:
            try:
                with open(self.path + b"/" + name, "wb", 0) as file:
                    file.write(value)
            except OSError:
                pass  # this machine has it not: `maestro sandbox` tells what is kept here

    def fork(self) -> int:
        """As `os.fork`, with the child in this cgroup from its first moment: to move it there can take 20 ms."""
        pid = self.fork_inside() if self.path else -1
        if pid < 0:
            pid = os.fork()
            if pid == 0:
                self.write(b"cgroup.procs", b"0")
        return pid

    def fork_inside(self) -> int:
        """The same by clone3(2); -1 where there is none. Only a process with one thread may do this."""
        try:
            place = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return -1
        arguments = [INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, place]
        packed = b"".join(each.to_bytes(8, sys.byteorder) for each in arguments)
        pid = call("syscall", CLONE3, packed, len(packed))
        os.close(place)
        return pid

    def count(self, name: bytes, event: bytes) -> int:
        """How often an event happened in this cgroup."""
        if not self.path:
            return 0
        try:
            with open(self.path + b"/" + name, "rb", 0) as file:
                lines = [line.split() for line in file.read().splitlines()]
        except OSError:
            return 0
        return next((int(words[1]) for words in lines if words[0] == event), 0)

    def remove(self) -> None:
        try:
            os.rmdir(self.path)
        except OSError:
            pass  # there was none, or the agent made cgroups of its own in it


def main() -> None:
    # Ray SIGKILLs the direct children of a worker before anything else: the first process leaves at once.
    if os.fork():
        os._exit(0)
    control, report, launch = (int(word) for word in sys.argv[-3:])
    for fd in (control, report, launch):
        os.set_inheritable(fd, False)
    wake = settle()
    try:
        described = read(launch)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        group = Group(described.group, described.settings)
        agent = start(described, group)
    except OSError as error:
        say(report, b'{"failed":"%s"}' % str(error.strerror).encode())
        return
    let_go_of_stdio()
    fields = (agent, start_time(agent), os.getpid(), start_time(os.getpid()))
    say(report, b'{"started":{"pid":%d,"start":%d,"shim":%d,"shim_start":%d}}' % fields)
    Watch(agent, described, group, control, report, wake).run()


def settle() -> int:
    """Undo what Ray's processes hand down, and return a descriptor that gives a byte for every signal."""
    os.setsid()
    reset_signals()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    wake, wakened = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wakened, False)
    signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except OSError:
        pass  # only root may become less nice
    try:
        with open("/proc/self/oom_score_adj", "wb", 0) as file:
            file.write(b"0")
    except OSError:
        pass
    return wake


def reset_signals() -> None:
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP and the two glibc keeps for itself
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def prctl(option: int, argument: int) -> None:
    if call("prctl", option, argument, 0, 0, 0):
        raise OSError(1, "the kernel refuses prctl")


def call(name: str, *arguments: int | bytes | None) -> int:
    # The module `ctypes` around this call costs 5 ms.
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]
    return int(_ctypes.call_function(function, arguments))


def confine(rules: list[bytes]) -> None:
    """Let Landlock refuse everything but what the rules allow, to this process and all that come from it."""
    version = call("syscall", CREATE_RULESET, None, 0, RULESET_VERSION)
    handled = OF_VERSION.get(version, EVERYTHING)
    attributes = handled.to_bytes(8, sys.byteorder)
    if version >= 6:
        attributes += bytes(8) + SCOPES.to_bytes(8, sys.byteorder)
    ruleset = call("syscall", CREATE_RULESET, attributes, len(attributes), 0)
    if version < 1 or ruleset < 0:
        raise OSError(1, "cannot be put into its box: this kernel has no Landlock")
    for rule in rules:
        allow(ruleset, rule[1:], handled if rule[:1] == b"w" else EXECUTE | READ_FILE | READ_DIR)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if call("syscall", RESTRICT_SELF, ruleset, 0):
        raise OSError(1, "cannot be put into its box: Landlock refuses")
    os.close(ruleset)


def scope(guard: bytes) -> None:
    """Let Landlock close to this process and all that come from it the one door that a box of mounts leaves open: the
    abstract sockets of others, which are no files. A guard that is setuid could not begin its work behind that.
    """
    version = call("syscall", CREATE_RULESET, None, 0, RULESET_VERSION)
    try:
        if version < 6 or os.stat(guard).st_mode & S_ISUID:
            return
    except OSError:
        return  # it will not start
    attributes = bytes(16) + ABSTRACT_SOCKETS.to_bytes(8, sys.byteorder)
    ruleset = call("syscall", CREATE_RULESET, attributes, len(attributes), 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if ruleset < 0 or call("syscall", RESTRICT_SELF, ruleset, 0):
        raise OSError(1, "cannot be put into its box: Landlock refuses")
    os.close(ruleset)


def allow(ruleset: int, path: bytes, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # gone since the rules were made
    try:
        if os.fstat(place).st_mode & 0o170000 != 0o040000:
            access &= OF_A_FILE
        rule = access.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
        call("syscall", ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(place)


def read(fd: int) -> Launch:
    with open(fd, "rb", 0) as file:
        return Launch(file.read().split(b"\0")[:-1])


def start(launch: Launch, group: Group) -> int:
    """The pid of the agent once its program has been executed. Raises `OSError` when it cannot be."""
    shim = os.getpid()
    reason, excuse = os.pipe()
    pid = group.fork()
    if pid == 0:
        try:
            become(shim, launch)
        except OSError as error:
            os.write(excuse, str(error.strerror).encode())
        finally:
            os._exit(127)
    os.close(excuse)
    failure = os.read(reason, 4096)
    os.close(reason)
    if failure:
        os.waitpid(pid, 0)
        group.remove()
        raise OSError(1, failure.decode())
    return pid


def become(shim: int, launch: Launch) -> None:
    """Turn this child into the agent. Every descriptor of ours above 2 closes itself when that works."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != shim:
        os._exit(127)  # the shim died before the line above: no signal will come
    signal.set_wakeup_fd(-1)
    reset_signals()
    limit(launch.limits)
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise OSError(error.errno, f"cannot enter its directory: {error.strerror}") from error
    if launch.rules:
        confine(launch.rules)
    if launch.guard:
        scope(launch.argv[0])
    try:
        execute(launch.argv, launch.env)
    except OSError as error:
        raise OSError(error.errno, f"cannot be executed: {error.strerror}") from error


def limit(limits: list[bytes]) -> None:
    for number, *values in (each.split() for each in limits):
        pair = b"".join(int(value).to_bytes(8, sys.byteorder) for value in values)
        if call("setrlimit", int(number), pair):
            raise OSError(1, "cannot be put under its limits: the kernel refuses")


def execute(argv: list[bytes], env: dict[bytes, bytes]) -> None:
    """`execvpe` without its import of `warnings`, and with no empty PATH entry standing for the worktree."""
    if b"/" in argv[0]:
        os.execve(argv[0], argv, env)
    failure: OSError = FileNotFoundError(2, "No such file or directory")
    for directory in env.get(b"PATH", b"/bin:/usr/bin").split(b":"):
        try:
            if directory:
                os.execve(directory + b"/" + argv[0], argv, env)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error
    raise failure


def let_go_of_stdio() -> None:
    """The agent's pipes end with the agent, so we must not hold them."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    os.close(nothing)


def say(report: int, line: bytes) -> None:
    try:
        os.write(report, line + b"\n")
    except OSError:
        pass  # nobody listens any more: the work is the same


class Watch:
    """The agent's tree from its start to its last process."""

    def __init__(
        self, agent: int, launch: Launch, group: Group, control: int, report: int, wake: int
    ) -> None:
        self.agent, self.grace, self.guard = agent, launch.grace, launch.guard
        self.launch, self.group = launch, group
        self.control, self.report, self.wake = control, report, wake
        self.ending = False
        self.exited = False
        self.deadline = FOREVER
        self.pause = 0.001
        self.swept: set[int] = set()
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.poll.register(wake, select.POLLIN)

    def run(self) -> None:
        while self.reap():
            if self.exited:
                self.end(LEFTOVER_GRACE)
            if time.monotonic() >= self.deadline:
                self.kill_all()
            self.wait()
        self.group.remove()
        say(self.report, b'{"gone":{"swept":%d}}' % len(self.swept))

    def reap(self) -> bool:
        """Collect the dead; False when there is no descendant left, for every orphan becomes our child."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.agent:
                self.exited = True
                self.say_exited(status, used.ru_utime + used.ru_stime)

    def say_exited(self, status: int, seconds: float) -> None:
        if os.WIFSIGNALED(status):
            how = b'"code":null,"signal":%d' % os.WTERMSIG(status)
        else:
            how = b'"code":%d,"signal":null' % os.WEXITSTATUS(status)
        if limit := self.limit_met(status, seconds):
            how += b',"limit":"%s"' % limit
        say(self.report, b'{"exited":{%s}}' % how)

    def limit_met(self, status: int, seconds: float) -> bytes:
        """Which limit ended the agent, as far as the kernel tells: of one that failed in between nobody knows why."""
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        # shells, and the guard of a box, tell of a signal like this
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else code - 128
        if not status or self.ending:
            return b""
        if number == signal.SIGXFSZ and self.launch.limit(RLIMIT_FSIZE):
            return b"file_size"
        cpu = self.launch.limit(RLIMIT_CPU)
        if cpu and (number == signal.SIGXCPU or (number == signal.SIGKILL and seconds >= cpu)):
            return b"cpu"
        if self.group.count(b"memory.events", b"oom_kill"):
            return b"memory"
        return b"processes" if self.group.count(b"pids.events", b"max") else b""

    def end(self, grace: float) -> None:
        """SIGTERM to the whole tree, once; SIGKILL follows after the shortest grace that was asked for."""
        if not self.ending:
            self.ending = True
            self.signal_all(signal.SIGTERM)
        self.deadline = min(self.deadline, time.monotonic() + grace)

    def kill_all(self) -> None:
        """One sweep: our children as they are seen, then what is below them; more sweeps follow until none is left.

        A chain of processes that fork and leave is always a child of ours, and only a quick hand catches it.
        """
        self.group.write(b"cgroup.kill", b"1")
        for pid in newest_first():
            fields = stat(pid)
            if fields and int(fields[1]) == os.getpid():
                self.signal(pid, signal.SIGKILL)
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        # The whole tree is listed before the first signal: what a death makes of it cannot hide anybody. The oldest
        # goes first: a script whose command dies before it would go on with its next one. It need not have the smallest
        # pid, as these begin anew at some point.
        for pid, begun in sorted(descendants(), key=lambda each: (each[1], each[0])):
            if start_time(pid) == begun:
                self.signal(pid, number)

    def signal(self, pid: int, number: int) -> None:
        if self.guard and pid == self.agent and number != signal.SIGKILL:
            return  # its end would be the end of all inside, at once; it goes when they have gone
        try:
            os.kill(pid, number)
            if number == signal.SIGTERM:
                os.kill(pid, signal.SIGCONT)  # one that is stopped takes its SIGTERM only then
        except OSError:
            return
        if pid != self.agent:
            self.swept.add(pid)

    def wait(self) -> None:
        for fd, _ in self.poll.poll(self.patience()):
            if fd == self.wake:
                self.heed_signals()
            else:
                self.obey()

    def patience(self) -> float | None:
        """Milliseconds until there is something to do without being told; the sweeps grow rarer."""
        if self.deadline == FOREVER:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            left = self.pause = min(self.pause * 2, 0.1)
        return left * 1000 + 1

    def heed_signals(self) -> None:
        numbers = os.read(self.wake, 65536)
        if any(number in numbers for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
            self.end(self.grace)

    def obey(self) -> None:
        words = os.read(self.control, 4096)
        if not words:
            self.poll.unregister(self.control)
            self.end(min(self.grace, ORPHAN_GRACE))
        if b"T" in words:
            self.end(self.grace)
        if b"I" in words and not self.exited:
            self.interrupt()

    def interrupt(self) -> None:
        if self.guard:
            for pid, _ in descendants():
                fields = stat(pid)
                if fields and int(fields[2]) == self.agent:
                    self.signal(pid, signal.SIGINT)
            return
        try:
            os.killpg(self.agent, signal.SIGINT)
        except OSError:
            pass  # it belongs to somebody else now, as after sudo


def descendants() -> list[tuple[int, int]]:
    """(pid, start time) of every process below us, also of one that looks dead because its first thread ended."""
    seen: dict[int, tuple[int, int]] = {}
    for pid in newest_first():
        if fields := stat(pid):
            seen[pid] = int(fields[1]), int(fields[19])
    ours: dict[int, bool] = {os.getpid(): True, 0: False}
    return [(pid, begun) for pid, (_, begun) in seen.items() if pid != os.getpid() and below(pid, seen, ours)]


def newest_first() -> list[int]:
    """Every pid of the machine."""
    try:
        return sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True)
    except OSError:
        return []  # the machine is out of descriptors: the next sweep will see


def below(pid: int, seen: dict[int, tuple[int, int]], ours: dict[int, bool]) -> bool:
    """Whether the line of parents of `pid` leads to us; `ours` remembers what is known."""
    path = []
    while pid not in ours:
        ours[pid] = False  # until it is known, so that a circle of reused pids ends
        path.append(pid)
        pid = seen[pid][0] if pid in seen else 0
    ours.update(dict.fromkeys(path, ours[pid]))
    return ours[pid]


def stat(pid: int) -> list[bytes]:
    """/proc/PID/stat from the third field on, empty when there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        # The name in the second field may hold spaces and parentheses; nothing behind it does.
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except OSError:
        return []
    finally:
        os.close(fd)


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of the process (field 22), 0 when there is no such process."""
    fields = stat(pid)
    return int(fields[19]) if fields else 0


if __name__ == "__main__":
    main()
