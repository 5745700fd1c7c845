// What agents say, added to the page as it comes. It is soft: what is missed is read again from the server's tail.

// as much as Studio keeps of a run
const KEPT = 65536;

export function startOutput() {
  for (const log of document.querySelectorAll("[data-follow], [data-output]")) log.scrollTop = log.scrollHeight;
}

/** `run.chunk`: add the text to its run when that is on the page. */
export function addChunk({ run_id: run, text }) {
  const log = document.querySelector(`[data-output="${CSS.escape(run)}"]`);
  if (!log) return;
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(text);
  if (log.textContent.length > 2 * KEPT) log.textContent = log.textContent.slice(-KEPT);
  if (follows) log.scrollTop = log.scrollHeight;
}
