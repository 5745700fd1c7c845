"""What a person sees and does, in a real Chromium."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from studio.pretend import sha

from .chromium import PHONE
from .conftest import Desk
from .scene import say


async def at_most(desk: Desk, width: int) -> None:
    """Nothing makes the page wider than the window."""
    assert await desk.window.evaluate("document.documentElement.scrollWidth") <= width


async def test_every_view_on_a_desk_and_on_a_phone_without_a_complaint(desk: Desk) -> None:
    """No error in the console, no violation of the content security policy, no sideways scrolling."""
    for path in desk.scene.views().values():
        await desk.open(path)
        for size in ((1280, 800), PHONE, (320, 640)):
            await desk.window.resize(size)
            await at_most(desk, size[0])
        assert await desk.window.problems() == [], path
        assert await desk.window.count("h1") == 1
        assert await desk.window.evaluate("document.title.endsWith('· maestro')")


async def test_a_run_streams_and_what_it_said_outlives_its_part(desk: Desk) -> None:
    await desk.open(f"/teams/{desk.scene.team.id}")
    await say(desk.studio, desk.scene)
    await desk.window.wait("[data-output]:has-text('Three of them only log at one level')")
    run = next(run for run in await desk.scene.team.held() if run["state"] == "running")
    await desk.scene.team.complete(run, commit=sha("more"))
    await desk.window.wait(f"#output-{run['id']}", "detached")
    await desk.window.wait("[data-output]:has-text('newlog ignores it')")


async def test_a_run_that_says_much_is_cut_at_its_beginning(desk: Desk) -> None:
    await desk.open(f"/teams/{desk.scene.team.id}")
    run = next(run for run in await desk.scene.team.held() if run["state"] == "running")
    channel = f"private-team.{desk.scene.team.name}"
    for number in range(20):
        text = f"{number} " + "x" * 8000 + "\n"
        desk.studio.hub.publish(channel, "run.chunk", {"run_id": run["id"], "worker": "dev-1", "text": text})
    output = f"document.getElementById('output-{run['id']}')"
    await desk.window.until(f"{output}.textContent.includes('19 x')")
    assert 60_000 < await desk.window.evaluate(f"{output}.textContent.length") <= 2 * 65536 + 8010
    assert await desk.window.evaluate(
        f"{output}.scrollTop + {output}.clientHeight >= {output}.scrollHeight - 8"
    )


async def test_messages_verdicts_and_the_roster_come_by_themselves(desk: Desk) -> None:
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    message = {
        "number": 99,
        "sender": "dev-1",
        "kind": "note",
        "body": {"text": "<b>I found it.</b>"},
        "at": 1.0,
    }
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    await desk.window.wait("#part-channel:has-text('<b>I found it.</b>')")
    await desk.rest.delete(f"agent-sessions/{team.sessions['test-1']}")
    await desk.window.wait("#part-roster th:text-is('test-1')", "detached")


async def test_ages_grow_while_one_looks(desk: Desk) -> None:
    await desk.open(f"/teams/{desk.scene.team.id}")
    age = "Number.parseInt(document.querySelector('#part-roster time').textContent)"
    before = await desk.window.evaluate(age)
    await desk.window.until(f"{age} > {before}")


async def test_a_decision_is_answered(desk: Desk) -> None:
    await desk.open("/decisions")
    assert "Decisions 1" in " ".join((await desk.window.text(".menu")).split())
    await desk.window.click("button:has-text('Try again')")
    await desk.window.wait("text=Nothing waits for you.")
    await desk.window.wait(".badge", "detached")
    assert await desk.rest.cards() == []
    assert (await desk.window.address()).endswith("/decisions")


async def test_an_answer_that_is_too_late_is_said(desk: Desk) -> None:
    await desk.open("/decisions")
    (card,) = await desk.rest.cards()
    await desk.window.evaluate("Pusher.instances[0].disconnect()")
    await desk.rest.post(f"decisions/{card['id']}/answer", {"answer": "retry"})
    await desk.window.click("button:has-text('Cancel the task')")
    await desk.window.wait("#alert:has-text('the card was already answered: retry')")
    # the browser reports the refusal of a fetch by itself
    assert all("409" in each for each in await desk.window.problems())


async def test_after_studio_restarts_the_page_heals_by_itself(desk: Desk) -> None:
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    await desk.studio.stop()
    await desk.window.until("document.getElementById('link-state').dataset.state !== 'connected'")
    await desk.studio.start()
    # it happens before the page is back, so no event tells of it
    message = {
        "number": 99,
        "sender": "dev-2",
        "kind": "note",
        "body": {"text": "while you were away"},
        "at": 1.0,
    }
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    await desk.window.wait("#part-channel:has-text('while you were away')")
    await desk.window.wait("#link-state[data-state=connected]")
    message = {
        "number": 100,
        "sender": "dev-2",
        "kind": "note",
        "body": {"text": "and live again"},
        "at": 1.0,
    }
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    await desk.window.wait("#part-channel:has-text('and live again')")
    # the browser reports each vain attempt to connect
    assert all(
        "WebSocket" in each or "ERR_CONNECTION_REFUSED" in each for each in await desk.window.problems()
    )


# each fetch of parts is noted with its moment, and answered as `away` says, or as Studio does
NOTED = """
const real = window.fetch;
window.asked = [];
window.fetch = (...what) => {
  window.asked.push(performance.now());
  return window.away() ?? real(...what);
};
"""


def noted(away: str) -> str:
    return f"(() => {{ window.away = {away}; {NOTED} }})()"


def message(text: str, number: int = 99) -> dict[str, Any]:
    return {"number": number, "sender": "dev-1", "kind": "note", "body": {"text": text}, "at": 1.0}


async def test_what_a_503_kept_from_the_page_is_read_later(desk: Desk) -> None:
    """The database is away for a moment and the socket stays, so nothing else tells of it."""
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    # until the test has seen what the page says meanwhile
    until_then = "() => (window.back ? null : Promise.resolve(new Response('', { status: 503 })))"
    await desk.window.evaluate(noted(until_then))
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message("in spite of it")]}, status=204)
    await desk.window.wait("#link-state:has-text('Out of date: trying again')")
    await desk.window.evaluate("(() => { window.back = true; })()")
    await desk.window.wait("#part-channel:has-text('in spite of it')")
    await desk.window.wait("#link-state[data-state=connected]:has-text('Live')")


@pytest.mark.parametrize(("status", "words"), [(401, "Signed out"), (404, "This is no longer here")])
async def test_a_page_that_cannot_be_read_any_more_is_never_called_live(
    desk: Desk, status: int, words: str
) -> None:
    """Not after a database that was away for a moment, and not because its socket is there again."""
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    await desk.window.evaluate(
        noted(
            f"() => Promise.resolve(new Response('', {{ status: window.asked.length > 1 ? {status} : 503 }}))"
        )
    )
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message("unread")]}, status=204)
    await desk.window.wait(f"#link-state:has-text('{words}')")
    await desk.window.evaluate(
        """(() => {
      const said = (window.said = []);
      const place = document.getElementById("link-state");
      new MutationObserver(() => said.push(place.textContent)).observe(place, { childList: true });
      Pusher.instances[0].disconnect();
      Pusher.instances[0].connect();
    })()"""
    )
    await desk.window.until("Pusher.instances[0].allChannels().every((each) => each.subscribed)")
    await desk.window.until("Pusher.instances[0].connection.state === 'connected'")
    assert await desk.window.evaluate("window.said") == []


async def test_a_studio_that_is_away_is_asked_less_and_less(desk: Desk) -> None:
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    await desk.window.evaluate(noted("() => Promise.reject(new TypeError('refused'))"))
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message("later")]}, status=204)
    await desk.window.until("window.asked.length >= 3")
    first, second, third = (await desk.window.evaluate("window.asked"))[:3]
    assert second - first >= 499
    assert third - second >= 999
    await desk.window.evaluate("(() => { window.away = () => null; })()")
    await desk.window.wait("#part-channel:has-text('later')")


async def test_of_an_answer_that_was_lost_nobody_says_that_nothing_was_changed(desk: Desk) -> None:
    await desk.open("/decisions")
    lost = "() => Promise.reject(new TypeError('lost'))"
    broken = "() => Promise.resolve(Response.json({ code: 1 }, { status: 500 }))"
    for away, said in ((lost, "Studio does not answer;"), (broken, "Studio answered 500;")):
        await desk.window.evaluate(noted(away))
        await desk.window.click("button:has-text('Try again')")
        await desk.window.wait(f"#alert:has-text('{said} look whether it was done before you send it again')")


async def test_a_channel_that_was_refused_for_a_moment_is_heard_later(desk: Desk) -> None:
    team = desk.scene.team
    await desk.open(f"/teams/{team.id}")
    await desk.window.evaluate("""(() => {
      const open = XMLHttpRequest.prototype.open;
      window.refused = 0;
      XMLHttpRequest.prototype.open = function (method, url, ...more) {
        window.refused += !window.back;
        return open.call(this, method, window.back ? url : "/nothing-here", ...more);
      };
      Pusher.instances[0].disconnect();
      Pusher.instances[0].connect();
    })()""")
    await desk.window.wait("#link-state:has-text('Not live: trying again')")
    assert await desk.window.evaluate("window.refused")
    await desk.window.evaluate("(() => { window.back = true; })()")
    await desk.window.until("Pusher.instances[0].allChannels().every((each) => each.subscribed)")
    await desk.window.wait("#link-state[data-state=connected]:has-text('Live')")
    assert all("404" in each for each in await desk.window.problems())


async def test_an_event_that_was_missed_is_noticed_by_its_number(desk: Desk) -> None:
    team, hub = desk.scene.team, desk.studio.hub
    await desk.open(f"/teams/{team.id}")
    channel = f"private-team.{team.name}"
    deliver = hub.publish
    hub.publish = lambda *event: hub._numbers.__setitem__(event[0], hub.number(event[0]) + 1)  # type: ignore[method-assign]
    message = {
        "number": 99,
        "sender": "dev-2",
        "kind": "note",
        "body": {"text": "lost on its way"},
        "at": 1.0,
    }
    desk.studio.store._publish = hub.publish
    await desk.rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    hub.publish = deliver  # type: ignore[method-assign]
    deliver(channel, "run.chunk", {"run_id": "x", "worker": "x", "text": "x"})
    await desk.window.wait("#part-channel:has-text('lost on its way')")


async def test_the_board_by_keyboard_alone(desk: Desk) -> None:
    await desk.open(f"/plans/{desk.scene.plan}")
    window = desk.window
    title = "document.activeElement.textContent"
    for _ in range(40):
        await window.press("Tab")
        if await window.evaluate("document.activeElement.matches('[data-task] a.title')"):
            break
    assert await window.evaluate(title) == "Describe the move"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await window.evaluate(outline) == "solid"
    await window.press("ArrowDown")
    assert await window.evaluate(title) == "Remove oldlog.py"
    await window.press("ArrowDown", "ArrowRight")
    assert await window.evaluate("document.activeElement.closest('[data-column]').dataset.column") == "work"
    standing = await window.evaluate(title)
    await window.press("+")
    await window.wait(f".task:has-text('{standing}'):has-text('priority 10')")
    assert await window.evaluate(title) == standing, "the focus stays on the task"
    await window.press("m", "Escape")
    assert await window.evaluate(title) == standing
    await window.press("m", "Enter")
    await window.wait(f"#column-waiting .task:has-text('{standing}')")
    await window.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert (
        await window.evaluate("document.activeElement.closest('[data-column]').dataset.column") == "waiting"
    )
    await window.press("x")
    assert await window.evaluate(title) == "Abort the task"
    await window.press("Escape", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowUp", "x", "Enter")
    await window.wait("#column-cancelled .task:has-text('Describe the move')")
    await window.until("document.activeElement.matches('[data-task] a.title')")
    await window.press("Tab", "Shift+Tab")
    assert await window.evaluate("document.activeElement.matches('[data-task] a.title')"), (
        "one stop of the tab key"
    )


async def test_a_task_is_dragged_to_a_column_it_may_go_to(desk: Desk) -> None:
    await desk.open(f"/plans/{desk.scene.plan}")
    await desk.window.drag("#column-work .task", "#column-waiting")
    await desk.window.until("document.querySelectorAll('#column-waiting .task').length === 2")
    before = await desk.rest.tasks(desk.scene.plan)
    await desk.window.drag("#column-waiting .task", "#column-done")
    await desk.window.drag("#column-draft .task", "#column-review")
    assert {
        key: task["status"] for key, task in before.items() if task["status"] != "waiting_for_resume"
    } == {
        key: task["status"]
        for key, task in (await desk.rest.tasks(desk.scene.plan)).items()
        if before[key]["status"] != "waiting_for_resume"
    }


async def test_light_and_dark(desk: Desk) -> None:
    window = desk.window
    ground = "getComputedStyle(document.body).backgroundColor"
    await desk.open("/")
    light = await window.evaluate(ground)
    await window.prefer("dark")
    dark = await window.evaluate(ground)
    assert dark != light
    await window.click("button[aria-label=Light]")
    await window.until(f"{ground} === '{light}'")
    await eventually_cookie(desk, "light")
    await desk.open("/decisions")
    assert await window.evaluate(ground) == light, "remembered, from the first paint on"
    await window.click("button[aria-label=Light]")
    await window.until(f"{ground} === '{dark}'")


async def eventually_cookie(desk: Desk, value: str) -> None:
    async with asyncio.timeout(60):
        while not any(
            each["name"] == "maestro-theme" and each["value"] == value for each in await desk.window.cookies()
        ):
            await asyncio.sleep(0.02)


async def test_without_javascript_pages_are_read_and_forms_work(desk: Desk) -> None:
    cookies = await desk.window.cookies()
    await desk.window.open(scripts=False, cookies=cookies)
    for path in desk.scene.views().values():
        await desk.open(path, live=False)
    await desk.open(f"/plans/{desk.scene.plan}", live=False)
    await desk.window.click("button:has-text('Pause')")
    assert (await desk.rest.get(f"plans/{desk.scene.plan}"))["status"] == "paused"
    await desk.window.click("summary:has-text('Cancel…')")
    await desk.window.click("button:has-text('Cancel the plan')")
    assert (await desk.rest.get(f"plans/{desk.scene.plan}"))["status"] == "cancelled"
    assert (await desk.window.address()).endswith(f"/plans/{desk.scene.plan}")
    await desk.window.click("button:has-text('Sign out')")
    assert (await desk.window.address()).endswith("/sign-in")


async def test_a_mistake_in_a_plan_puts_the_cursor_there(desk: Desk) -> None:
    await desk.open(f"/projects/{desk.scene.project}/plans/new?as=toml")
    await desk.window.fill("#toml", 'title = "x"\n\n[[tasks]]\ntitle = "a"\n  priority = "high"\n')
    await desk.window.click("button:has-text('Save as draft')")
    await desk.window.wait("#mistake:has-text('Line 5, column 3')")
    before = "(() => { const text = document.getElementById('toml'); return text.value.slice(0, text.selectionStart); })()"
    # a script of the page puts it there, after the page is shown
    await desk.window.until(f"{before}.length")
    assert await desk.window.evaluate(before) == 'title = "x"\n\n[[tasks]]\ntitle = "a"\n  '
    await desk.window.fill("#toml", 'title = "x"\n\n[[tasks]]\ntitle = "a"\n')
    await desk.window.click("button:has-text('Save and activate')")
    await desk.window.wait("h1:text-is('x')")
    assert "active" in await desk.window.text(".plan-head")
    # the browser reports the status of a page that is refused
    assert all("422" in each for each in await desk.window.problems())


async def test_what_one_writes_stays_while_the_page_is_renewed(desk: Desk) -> None:
    task = desk.scene.tasks["callers"]
    await desk.open(f"/tasks/{task}")
    await desk.window.fill("#comment", "half a sen")
    await desk.rest.post(f"tasks/{task}/priority", {"priority": 77}, status=204)
    await desk.window.wait("#part-facts:has-text('priority 77')")
    await desk.window.press("t", "e", "n", "c", "e")
    assert await desk.window.evaluate("document.getElementById('comment').value") == "half a sentence"
    await desk.window.click("button:text-is('Comment')")
    await desk.window.wait(".comments:has-text('half a sentence')")
    assert await desk.window.evaluate("document.getElementById('comment').value") == ""


async def test_hostile_titles_are_text_in_a_browser_too(desk: Desk) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    draft = {"title": hostile, "tasks": [{"title": hostile}]}
    plan = await desk.rest.post("plans", {"project_id": desk.scene.project, "draft": draft}, status=201)
    await desk.open(f"/plans/{plan['id']}")
    await desk.rest.post(f"plans/{plan['id']}/activate")
    await desk.window.wait(".plan-head:has-text('active')")
    assert await desk.window.text("h1") == hostile
    assert await desk.window.text(".task .title") == hostile
    assert not (await desk.window.evaluate("document.title")).startswith("owned")


async def test_a_stay_that_ended_is_said(desk: Desk) -> None:
    await desk.open("/decisions")
    await desk.window.wait("#link-state[data-state=connected]")
    await desk.rest.post("auth/logout", {"everywhere": True}, status=204)
    # at once: nothing has to happen first
    await desk.window.wait("#link-state:has-text('Signed out')")
    assert all("401" in each for each in await desk.window.problems())


async def test_a_member_is_offered_nothing_they_may_not_do(desk: Desk) -> None:
    invite = await desk.rest.post(
        "auth/invites", {"role": "member", "project_id": desk.scene.project}, status=201
    )
    desk.rest.http.headers.pop("authorization")
    await desk.rest.sign_in(invite["token"])
    await desk.window.open()
    await desk.sign_in()
    for path in ("team", "board", "task", "project"):
        await desk.open(desk.scene.views()[path])
        assert await desk.window.count("form[action^='/do/']:not([action$='/comments'])") == 0
