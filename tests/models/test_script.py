from __future__ import annotations

from .answer import Answer, Refusal, Text, Usage
from .question import Question, Turn
from .script import SMALL_TALK, After, Flood, Part, Refuse, Say, Script, answer
from .tools import Run

BASH = {"bash": {"properties": {"command": {"type": "string"}}}}


def asked(*turns: Turn, tools: object = BASH) -> Question:
    return Question("model", turns, tools=tools)  # type: ignore[arg-type]


def user(text: str) -> Turn:
    return Turn("user", text)


MODEL, TOOL = Turn("model", calls=("bash",)), Turn("tool", "done")


def step(script: Script, *turns: Turn) -> object:
    return script.step(asked(*turns))[0]


def test_each_answer_is_a_step_and_then_it_is_done():
    script = Script(Part((Run("make"), Say("Made it."))))

    assert step(script, user("Go.")) == Run("make")
    assert step(script, user("Go."), MODEL, TOOL) == Say("Made it.")
    assert step(script, user("Go."), MODEL, TOOL, MODEL, user("And?")) == Say("Done.")


def test_the_words_that_were_said_last_choose_the_part():
    script = Script(Part((Say("reviewed"),), words="Review"), Part((Say("built"),), words="Build"))

    assert step(script, user("Build it.")) == Say("built")
    assert step(script, user("Build it."), MODEL, user("Review it.")) == Say("reviewed")
    assert step(script, user("Review it."), MODEL, user("Build it.")) == Say("built")
    assert step(script, user("Sing.")) == Say(SMALL_TALK)


def test_a_word_thrown_in_does_not_begin_a_part_anew():
    script = Script(Part((Run("make"), Say("Made it.")), words="Build"))

    assert step(script, user("Build it."), MODEL, TOOL, user("Keep the API.")) == Say("Made it.")


def test_a_refusal_counts_and_gives_way_to_the_next_step():
    script = Script(Part((Refuse(429, "slowly", times=2), Say("now"))))

    assert [step(script, user("Go.")) for _ in range(3)][1:] == [Refuse(429, "slowly", times=2), Say("now")]
    assert step(Script(Part((Refuse(401, "no"),))), user("Go.")) == Refuse(401, "no")


def test_what_is_asked_without_tools_is_no_part_of_the_work():
    script = Script(Part((Run("make"),)))

    assert script.step(asked(user("A title for this, please."), tools={}))[0] == Say(SMALL_TALK)


def test_a_step_becomes_an_answer():
    question, usage = asked(user("Go.")), Usage(7, 3)

    said = answer(After("gate", Say("words")), question, usage)
    assert isinstance(said, Answer)
    assert (str(said.parts[0]), said.ends, said.usage) == ("words", True, usage)
    assert answer(Refuse(429, "slowly", retry_after=9), question, usage) == Refusal(429, "slowly", 9)
    flood = answer(Flood(3000), question, usage)
    assert isinstance(flood, Answer)
    assert isinstance(flood.parts[0], Text)
    assert len(str(flood.parts[0])) == 3000
    ran = answer(Run("make"), question, usage)
    assert isinstance(ran, Answer)
    assert not ran.ends


def test_a_program_that_ends_with_a_command_is_given_that_command():
    question = asked(user("To end, run `echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT`."))

    said = answer(Say("words"), question, Usage())
    assert isinstance(said, Answer)
    assert said.parts[1].arguments == {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}  # type: ignore[union-attr]
