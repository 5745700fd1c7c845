// Light and dark without loading the page again; the choice is remembered by the server's cookie.

export function startTheme() {
  const form = document.querySelector("[data-theme-form]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    // pressed again it is the system's choice once more
    const chosen = button.getAttribute("aria-pressed") === "true" ? "" : button.value;
    for (const each of form.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each.value === chosen));
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    fetch(form.action, { method: "POST", body: new URLSearchParams({ theme: chosen }), redirect: "manual" });
  });
}
