"""A transcript as Markdown: it reads in a pager and on a forge, and nothing of others is markup in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from maestro_cli.render import transcript_words as words
from maestro_cli.render.transcript_words import at, one_line, plain, shown, used
from maestro_ray.transcript.document import Card, Diff, Message, Plan, Run, Share, Task, Transcript, Verdict

# names and numbers that a forge would make links of, and tell people about; what Markdown takes for its own
_SPECIAL = re.compile(r"(?<![\w`@#])[@#][\w-]+|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[\\`*\[\]<>|~#&$]")

SHOWN_FILES = 20


def pieces(transcript: Transcript, messages: Iterable[Message]) -> Iterator[str]:
    """The text, piece by piece."""
    yield from _head(transcript)
    yield from _cost(transcript)
    yield from _members(transcript)
    yield from _steering(transcript)
    yield from _decisions(transcript.decisions)
    for plan in transcript.plans:
        yield from _plan(plan)
    if transcript.runs:
        yield "\n## Runs about no plan\n"
        yield from _runs(transcript.runs)
    yield "\n## Messages\n\n"
    for message in messages:
        yield _message(message)


def inline(text: str) -> str:
    """Text of somebody else in a line of ours."""
    return _SPECIAL.sub(lambda found: _literal(found[0]), one_line(text))


def paragraph(text: str) -> str:
    """The same at the beginning of a line, where a number or a dash would begin a list."""
    return re.sub(r"^(\d{0,9})([-+=.)])", r"\1\\\2", inline(text))


def _literal(found: str) -> str:
    return f"`{found}`" if len(found) > 1 else f"\\{found}"


def block(text: str, kind: str = "text", indent: str = "") -> str:
    """Text of somebody else with its lines: in a fence that is longer than any in it."""
    text = shown(text).strip("\n")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [fence + kind, *text.split("\n"), fence]
    return "".join(f"{indent if line else ''}{line}\n" for line in lines)


def code(text: str) -> str:
    """One line of somebody else as it is."""
    text = one_line(text)
    if not text:
        return ""
    mark = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{mark}{space}{text}{space}{mark}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


# ── the parts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _head(transcript: Transcript) -> Iterator[str]:
    team = transcript.team
    yield f"# {inline(words.title(transcript))}\n\n"
    rows = [
        ("Project", code(transcript.project.key)),
        ("Team", f"{inline(team.name)}, {plain(team.status)}"),
        ("Time", f"{at(team.started_at)} to {at(team.ended_at)}, UTC"),
        ("Exported", f"{at(transcript.exported_at)} by maestro {inline(transcript.maestro)}"),
    ]
    yield "".join(f"* {name}: {value}\n" for name, value in rows)
    if team.goal:
        yield f"\nThe goal:\n\n{block(team.goal)}"
    if transcript.notes:
        yield "\nWhat is not in here:\n\n" + "".join(f"* {paragraph(note)}\n" for note in transcript.notes)


def _cost(transcript: Transcript) -> Iterator[str]:
    cost = transcript.cost
    yield f"\n## Cost\n\n{inline(cost.burn) or used(cost.total) or 'Nothing was counted.'}\n"
    for name, shares in (("Role", cost.roles), ("Model", cost.models), ("Task", cost.tasks)):
        if shares:
            yield _shares(name, shares)
    if rows := words.caps(transcript):
        yield table(["Cap of", "at most", "raised to"], rows)
    if cost.answers:
        yield "\nAt the caps:\n\n"
    for each in cost.answers:
        by, asked = inline(each.by) or "somebody", inline(each.question)
        yield f"* {at(each.at)} {by} said **{inline(each.answer)}** to: {asked}\n"


def _shares(name: str, shares: Iterable[Share]) -> str:
    rows = [
        [
            inline(each.name),
            f"${each.cost_usd:.4f}",
            f"{each.input_tokens:,}",
            f"{each.output_tokens:,}",
            f"{each.unpriced_tokens:,}" if each.unpriced_tokens else "",
            str(each.runs),
        ]
        for each in shares
    ]
    return table([name, "cost", "tokens in", "tokens out", "unpriced", "runs"], rows)


def _members(transcript: Transcript) -> Iterator[str]:
    rows = [
        [inline(each.name), inline(each.role), plain(each.status), at(each.joined_at), at(each.left_at)]
        for each in transcript.members
    ]
    yield "\n## Members\n" + table(["name", "role", "state", "joined", "left"], rows)


def _steering(transcript: Transcript) -> Iterator[str]:
    if transcript.directives:
        yield "\n## Steering\n\n"
    for each in transcript.directives:
        heard = ", ".join(
            f"{inline(receipt.worker)}: {plain(receipt.state)}"
            + (f" ({inline(receipt.how)})" if receipt.how else "")
            for receipt in each.receipts
        )
        yield f"* {at(each.at)} **⚑ {inline(each.text)}** ({plain(each.state)})\n"
        yield f"\n  Receipts: {heard}\n" if heard else ""


def _decisions(cards: Sequence[Card]) -> Iterator[str]:
    if cards:
        yield "\n## Decisions\n"
    for card in cards:
        about = f", about {inline(card.about)}" if card.about else ""
        yield f"\n### {inline(plain(card.kind))}{about}\n\nAsked {at(card.asked_at)}:\n\n{block(card.question)}\n"
        if card.answer:
            by = f" by {inline(card.answered_by)}" if card.answered_by else ""
            yield f"Answered {at(card.answered_at)}{by}: **{inline(card.answer)}**\n"
        else:
            yield f"No answer: {plain(card.status)}\n"
        if card.reason:
            yield f"\n{block(card.reason)}"


def _plan(plan: Plan) -> Iterator[str]:
    yield f"\n## Plan: {inline(plan.title)}\n\n"
    released = f", released as {code(plan.released[:12])}" if plan.released else ""
    yield f"* State: {plain(plan.status)}, into {code(plan.base_branch)}{released}\n"
    yield f"* Time: {at(plan.created_at)} to {at(plan.completed_at)}\n"
    yield f"* Reviewers: {plan.reviewers} ({inline(plan.review_policy)})\n"
    if plan.description:
        yield f"\n{block(plan.description)}"
    for task in plan.tasks:
        yield from _task(task)
    if plan.runs:
        yield "\n### Runs about the plan as a whole\n"
        yield from _runs(plan.runs)


def _task(task: Task) -> Iterator[str]:
    yield f"\n### Task: {inline(task.title)}\n\n"
    merged = f", merged as {code(task.merged[:12])}" if task.merged else ""
    yield f"* State: {plain(task.status)}{merged}, {words.number(task.revisions, 'revision')}\n"
    yield f"* Role: {inline(task.role)}" + (f", key {code(task.key)}" if task.key else "") + "\n"
    if task.depends_on:
        yield f"* After: {', '.join(map(code, task.depends_on))}\n"
    if task.description:
        yield f"\n{block(task.description)}"
    if task.runs:
        yield "\n#### Runs\n"
        yield from _runs(task.runs)
    for verdict in task.verdicts:
        yield _verdict(verdict)
    if task.comments:
        yield "\n#### Comments\n"
    for comment in task.comments:
        yield f"\n{at(comment.at)} {inline(comment.author)}:\n\n{block(comment.body)}"
    for diff in task.diffs:
        yield _diff(diff)


def _runs(runs: Iterable[Run]) -> Iterator[str]:
    for run in runs:
        first, *more = map(inline, words.heading(run))
        yield f"\n**{first}** · {' · '.join(more)}\n"
        if run.note:
            yield f"\nIt was told:\n\n{block(run.note)}"
        if run.evidence:
            yield f"\n{paragraph(words.tested(run.evidence))}\n"
        if run.summary:
            yield f"\n{paragraph(run.summary)}\n"
        if run.reason:
            yield f"\nThe reason:\n\n{block(run.reason)}"
        if run.files:
            named = [*map(code, run.files[:SHOWN_FILES]), *(["…"] if len(run.files) > SHOWN_FILES else [])]
            yield f"\n{words.number(len(run.files), 'file')}: {', '.join(named)}\n"
        if run.output.text or run.output.left_out:
            cut = words.left_out(run.output, end=True)
            yield (f"\n({cut})\n" if cut else "") + f"\n{block(run.output.text)}"


def _verdict(verdict: Verdict) -> str:
    text = f"\n#### {inline(verdict.verdict)} at {code(verdict.commit[:10])}\n\n"
    text += f"{paragraph(verdict.worker) or 'A reviewer'}, {at(verdict.at)}\n"
    if verdict.evidence:
        text += f"\nThe tests: {inline(words.tested(verdict.evidence))}\n"
    return text + (f"\n{block(verdict.reason)}" if verdict.reason else "")


def _diff(diff: Diff) -> str:
    text = f"\n#### Diff: {inline(diff.what)}\n\n{code(diff.base[:12])} to {code(diff.commit[:12])}"
    text += f": {words.size(diff)}\n" if diff.files else "\n"
    if diff.missing:
        text += f"\nNot shown: {inline(diff.missing)}.\n"
    if diff.patch.text:
        text += f"\n{block(diff.patch.text, 'diff')}"
    return text + (f"\n({words.left_out(diff.patch)})\n" if diff.patch.left_out else "")


def _message(message: Message) -> str:
    first, _, more = shown(message.text).strip().partition("\n")
    line = f"* {at(message.at)} **{inline(message.sender)}** {inline(first)}\n"
    return line + (f"\n{block(more, indent='  ')}\n" if more.strip() else "")
