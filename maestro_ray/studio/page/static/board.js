// The board by keyboard, and by mouse: one stop of the tab key, arrows between tasks, a letter for each deed.

export function startBoard() {
  const board = document.querySelector("[data-board]");
  if (!board) return;
  one(board);
  document.addEventListener("parts-renewed", () => one(document.querySelector("[data-board]")));
  document.addEventListener("keydown", pressed);
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches?.("[data-task] a.title")) one(target.closest("[data-board]"), target);
  });
  dragging();
}

// of all tasks the tab key stops at one: the last that was stood on
function one(board, chosen = null) {
  if (!board) return;
  const titles = [...board.querySelectorAll("[data-task] a.title")];
  const stop = chosen ?? titles.find((each) => each === document.activeElement) ?? titles.find((each) => each.tabIndex === 0 && each.hasAttribute("tabindex")) ?? titles[0];
  for (const each of titles) each.tabIndex = each === stop ? 0 : -1;
  for (const each of board.querySelectorAll("details.menu > summary")) each.tabIndex = -1;
  for (const each of board.querySelectorAll("[data-moves]")) each.draggable = each.dataset.moves !== "";
}

function pressed(event) {
  const title = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || !title.matches?.("[data-task] a.title")) return;
  const task = title.closest("[data-task]");
  const deed = DEEDS[event.key];
  if (deed && deed(task) !== false) event.preventDefault();
}

const DEEDS = {
  ArrowUp: (task) => stand(beside(task, -1)),
  ArrowDown: (task) => stand(beside(task, 1)),
  ArrowLeft: (task) => stand(across(task, -1)),
  ArrowRight: (task) => stand(across(task, 1)),
  m: (task) => open(task)?.querySelector("button")?.focus(),
  x: (task) => abort(task),
  "+": (task) => press(task, '[data-key="+"]'),
  "-": (task) => press(task, '[data-key="-"]'),
};

function stand(task) {
  task?.querySelector("a.title").focus();
}

function beside(task, step) {
  const all = [...task.parentElement.children];
  return all[all.indexOf(task) + step];
}

// the next column with tasks, as near as possible to the same height
function across(task, step) {
  const place = [...task.parentElement.children].indexOf(task);
  const columns = [...task.closest("[data-board]").querySelectorAll("[data-column]")];
  for (let at = columns.indexOf(task.closest("[data-column]")) + step; columns[at]; at += step) {
    const tasks = columns[at].querySelectorAll("[data-task]");
    if (tasks.length) return tasks[Math.min(place, tasks.length - 1)];
  }
  return null;
}

function open(task) {
  const menu = task.querySelector("details.menu");
  if (menu) menu.open = true;
  return menu;
}

function abort(task) {
  const sure = open(task)?.querySelector('[data-key="x"] details');
  if (!sure) return;
  sure.open = true;
  sure.querySelector("button").focus();
}

function press(task, where) {
  task.querySelector(`${where} button`)?.click();
}

// ── by mouse ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function dragging() {
  let task = null;
  document.addEventListener("dragstart", (event) => {
    task = event.target.closest?.("[data-task]");
    if (!task) return;
    event.dataTransfer.effectAllowed = "move";
    for (const name of task.dataset.moves.split(" ").filter(Boolean)) target(name)?.classList.add("target");
  });
  document.addEventListener("dragover", (event) => {
    if (task && event.target.closest?.(".column.target")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const column = event.target.closest?.(".column.target");
    if (!task || !column) return;
    event.preventDefault();
    dropped(task, column.dataset.column);
  });
  document.addEventListener("dragend", () => {
    task = null;
    for (const each of document.querySelectorAll(".column.target")) each.classList.remove("target");
  });
}

function target(name) {
  return document.getElementById(`column-${name}`);
}

// to abort is asked about once more; the rest can be undone
function dropped(task, column) {
  if (column === "cancelled") abort(task);
  else press(task, `[data-move="${column}"]`);
}
