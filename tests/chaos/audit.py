"""What is wrong once everything should be over: counts of what is stuck, lost, doubled and left behind, each with words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from chaos.work import Work

from maestro_ray.model.run import LIVE

Findings = dict[str, list[str]]

# statuses of a task that has been released
DONE = ("completed",)


def of_studio(work: Work) -> Findings:
    """What Studio's records and the repository say of each other."""
    return {"stuck": _stuck(work), "lost": _lost(work), "doubled": _doubled(work), "broken": work.broken()}


def of_machine(work: Work) -> Findings:
    """What is left once the teams have ended."""
    listed = work.machine.git(work.repo, "worktree", "list", "--porcelain").count("worktree ") - 1
    left = [str(path) for path in work.machine.worktrees()]
    agents = work.machine.agents()
    return {
        "leaked": [f"agent process {pid}: {_words(pid)}" for pid in agents],
        "worktrees": left or [f"{listed} in git's list"] * listed,
    }


def _stuck(work: Work) -> list[str]:
    states = ", ".join(f"'{state}'" for state in LIVE)
    runs = work.rows(f"SELECT id, purpose, state FROM runs WHERE state IN ({states})")
    plans = work.rows("SELECT title, status FROM plans WHERE status NOT IN ('completed', 'cancelled')")
    cards = work.rows("SELECT question FROM decisions WHERE status = 'open'")
    return [
        *(f"run {run['id']} ({run['purpose']}) is {run['state']}" for run in runs),
        *(f"{plan['title']} is {plan['status']}" for plan in plans),
        *(f"nobody answered: {card['question']}" for card in cards),
    ]


def _lost(work: Work) -> list[str]:
    """Tasks that are not done, work that is not in the repository, and messages whose numbers are missing."""
    files = set(work.machine.git(work.repo, "ls-tree", "--name-only", "main").split())
    wanted = [file for plan in work.plans() for file in work.files(plan["title"])]
    found = [f"{file} is not in main" for file in wanted if file not in files]
    tasks = work.rows(
        "SELECT t.key, t.status FROM tasks t JOIN plans p ON p.id = t.plan_id WHERE p.status <> 'cancelled'"
    )
    found += [f"{task['key']} is {task['status']}" for task in tasks if task["status"] not in DONE]
    return found + _gaps(work)


def _gaps(work: Work) -> list[str]:
    query = "SELECT team_id, count(*) AS count, max(number) AS last FROM messages GROUP BY team_id"
    return [
        f"{row['last'] - row['count']} messages of team {row['team_id']}"
        for row in work.rows(query)
        if row["last"] != row["count"]
    ]


def _doubled(work: Work) -> list[str]:
    subjects = Counter(work.machine.git(work.repo, "log", "--format=%s", "main").splitlines())
    # work that was sent back is committed once more
    revised = {
        row["title"]: row["revision_count"] for row in work.rows("SELECT title, revision_count FROM tasks")
    }
    names = Counter(plan["title"] for plan in work.plans())
    succeeded = (
        'SELECT t.key, r.purpose, r."commit", count(*) AS count FROM runs r JOIN tasks t ON t.id = r.task_id '
        "WHERE r.state = 'succeeded' GROUP BY t.key, r.purpose, r.\"commit\""
    )
    verdicts = 'SELECT task_id, "commit", count(*) AS count FROM verdicts GROUP BY task_id, "commit"'
    return [
        *(
            f"{count} times in main: {subject}"
            for subject, count in subjects.items()
            if count > 1 + revised.get(subject, 0)
        ),
        *(f"{count} plans are {name}" for name, count in names.items() if count > 1),
        *(
            f"{row['purpose']} of {row['key']} succeeded {row['count']} times"
            for row in work.rows(succeeded)
            if row["count"] > (work.reviewers if row["purpose"] == "review" else 1)
        ),
        *(
            f"{row['count']} verdicts on {row['commit']}"
            for row in work.rows(verdicts)
            if row["count"] > work.reviewers
        ),
    ]


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone since"
