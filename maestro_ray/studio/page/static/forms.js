// Forms are sent without leaving the page; what came of it is seen in its parts, and what went wrong is said.

// a form may be done although its answer is lost
const NOBODY_KNOWS = "look whether it was done before you send it again";

export function startForms(renew) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-stay")) return;
    event.preventDefault();
    send(form, event.submitter).then(renew);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus();
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.sure[open], details.menu[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
}

/** Send a form and say what went wrong; whether it went well. */
export async function send(form, button = null) {
  // a button that is disabled would lose the focus
  if (form.ariaBusy === "true") return false;
  const fields = new URLSearchParams(new FormData(form, button));
  form.ariaBusy = "true";
  let trouble = "";
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { "x-maestro-page": "1" } });
    if (!answer.ok) trouble = sentence(answer) ? await answer.text() : `Studio answered ${answer.status}; ${NOBODY_KNOWS}`;
  } catch {
    trouble = `Studio does not answer; ${NOBODY_KNOWS}`;
  }
  form.ariaBusy = null;
  document.getElementById("alert").textContent = trouble;
  if (trouble) return false;
  if (form.hasAttribute("data-reset")) form.reset();
  closeMenus();
  return true;
}

function sentence(answer) {
  return answer.headers.get("content-type")?.startsWith("text/plain");
}

function closeMenus() {
  for (const open of document.querySelectorAll("details.sure[open], details.menu[open]")) {
    const inside = open.contains(document.activeElement);
    open.open = false;
    // the keyboard goes on where the menu was opened
    if (inside) (open.closest("[data-task]")?.querySelector("a.title") ?? open.querySelector("summary")).focus();
  }
}
