"""Every journal of a state directory is checked by what its own entries add up to."""

from __future__ import annotations

import ast
import sqlite3
from pathlib import Path

import maestro_ray.actors
from maestro_ray.actors.channel import Channel
from maestro_ray.actors.journals import check_all
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.messages import ClearSteering, Delivered, Post, Steer
from maestro_ray.actors.minutes import SAID
from maestro_ray.actors.raising import KINDS, REFUSED
from maestro_ray.home import Home
from maestro_ray.testing import FakeClock

from .office import Office
from .parts import a_channel


async def write(home: Home, tmp_path: Path) -> None:
    """A journal of Connections and one of a team, both still open to nobody."""
    ledger = Ledger(home.connections_journal, FakeClock())
    ledger.append("team", {"id": "a"})
    ledger.append("team.ending", {"id": "a", "reason": "r"})
    number, _ = ledger.append("report", {"run": "r"})
    ledger.append("report.accepted", {"number": number})
    await ledger.append("team.ended", {"id": "a"})[1]
    ledger.close()
    channel = Channel(a_channel(home, tmp_path), Office().courier(), FakeClock())
    for message in (
        Steer("d", "x"),
        Delivered("dev-1", "d", "in-turn"),
        Post("dev-1", "said", {}),
        ClearSteering(),
    ):
        await channel.handle("x", message)
    await channel.close()


async def test_all_are_sound(home: Home, tmp_path: Path) -> None:
    await write(home, tmp_path)
    assert check_all(home) == {home.journal / "bot-1.db": [], home.connections_journal: []}


async def test_what_is_wrong_is_told_of_each(home: Home, tmp_path: Path) -> None:
    await write(home, tmp_path)
    for path in home.journal.glob("*.db"):
        connection = sqlite3.connect(path)
        connection.execute("UPDATE entries SET body = '{}' WHERE number = 1")
        connection.commit()
        connection.close()
    (home.journal / "other.db").write_text("no database" * 100)
    assert {path.name: [fault[:16] for fault in faults] for path, faults in check_all(home).items()} == {
        "bot-1.db": ["entry 1 (directi"],
        "connections.db": ["entry 1 (team) c"],
        "other.db": ["it cannot be rea"],
    }


def posted(source: Path) -> set[str]:
    """Kinds of messages in calls like `post("kind", …)`, `_end(run, "kind", …)` and `Post(who, "kind", …)`."""
    found: set[str] = set()
    for call in ast.walk(ast.parse(source.read_text())):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            at = {"post": 0, "_tell": 0, "_end": 1, "Post": 1}.get(name)
            if at is not None and len(call.args) > at and isinstance(kind := call.args[at], ast.Constant):
                found.add(str(kind.value))
    return found


def test_what_members_say_is_known() -> None:
    """A kind that is missing in the table would be shown as a fault of the journal it is in."""
    folder = Path(next(iter(maestro_ray.actors.__path__)))
    kinds = set().union(*map(posted, folder.glob("*.py")), KINDS.values(), REFUSED.values())
    # paths of Studio's REST are posted to as well
    assert kinds - {"projects", "plans", "agent-sessions"} == SAID - {"said"}
