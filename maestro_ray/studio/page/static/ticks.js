// Ages that grow while one looks at them; words.py says the same when the page is made.

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
// the browser's clock may be set otherwise than Studio's
let ahead = 0;

export function startTicks() {
  ahead = Date.now() / 1000 - Number(document.body.dataset.now);
  if (Math.abs(ahead) < 2) ahead = 0;
  setInterval(tick, 1000);
}

export function tick() {
  const now = Date.now() / 1000 - ahead;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = `${span(now - Date.parse(time.dateTime) / 1000)} ago`;
    if (time.textContent !== words) time.textContent = words;
    if (!time.title) time.title = new Date(time.dateTime).toLocaleString();
  }
  for (const time of document.querySelectorAll("time[data-due]")) {
    const left = Date.parse(time.dateTime) / 1000 - now;
    time.textContent = left > 0 ? span(left) : "any moment";
    if (!time.title) time.title = new Date(time.dateTime).toLocaleString();
  }
}

function span(seconds) {
  const length = Math.max(0, seconds);
  const [, unit, name] = STEPS.find(([limit]) => length < limit);
  return `${Math.floor(length / unit)} ${name}`;
}
