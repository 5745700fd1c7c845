// Keeps the page true: events say which of its parts are old, and those are fetched again, rendered by the server.
import { addChunk } from "./output.js";
import { morph } from "./morph.js";
import { tick } from "./ticks.js";

// events come in bursts; one fetch serves those of this many milliseconds
const GATHER = 120;

const old = new Set();
let everything = false;
let timer = 0;
let fetching = false;
// how many renewals failed one after another, and what the connection was last
let tries = 0;
let link = "";
// why nothing more is heard, and why nothing more can be read, until a renewal goes well
let deaf = "";
let refusal = "";
// the channels that Studio did not open when it was asked last
const unheard = new Set();

/** Connect; returns a function that renews every part now. */
export function startLive() {
  const { key, live } = document.body.dataset;
  const channels = Object.fromEntries(live.trim().split(/\s+/).filter(Boolean).map((each) => each.split("=")));
  for (const part of document.querySelectorAll("[data-part]")) poll(part);
  if (Object.keys(channels).length) connect(key, channels);
  return () => renewAll();
}

function connect(key, channels) {
  const secure = location.protocol === "https:";
  const port = Number(location.port) || (secure ? 443 : 80);
  const pusher = new Pusher(key, {
    cluster: "",
    wsHost: location.hostname,
    wsPort: port,
    wssPort: port,
    forceTLS: secure,
    enabledTransports: [secure ? "wss" : "ws"],
    enableStats: false,
    channelAuthorization: { endpoint: "/broadcasting/auth", transport: "ajax" },
  });
  pusher.connection.bind("state_change", ({ current }) => show(current));
  hurry(pusher);
  for (const [name, number] of Object.entries(channels)) listen(pusher, pusher.subscribe(name), Number(number));
}

// After a refused attempt pusher-js waits for fifteen seconds. Studio is back sooner than that after a restart.
function hurry(pusher) {
  let tries = 0;
  let impatience = 0;
  pusher.connection.bind("state_change", ({ current }) => {
    clearTimeout(impatience);
    if (current === "connected") tries = 0;
    if (current !== "connecting" && current !== "unavailable") return;
    impatience = setTimeout(() => {
      pusher.disconnect();
      pusher.connect();
    }, patience(1.5, tries));
    tries += 1;
  });
}

// Milliseconds until the next attempt: they double up to fifteen seconds, and no two pages come at the same moment.
function patience(seconds, failures) {
  return 1000 * Math.min(15, seconds * 2 ** failures) * (0.5 + Math.random() / 2);
}

function listen(pusher, channel, rendered) {
  let last = rendered;
  let first = true;
  let refused = 0;
  channel.bind("pusher:subscription_succeeded", ({ n } = {}) => {
    // nothing is replayed: whatever happened between the rendering, or the last event, and now must be read
    if (!first || n !== last) renewAll();
    first = false;
    refused = 0;
    last = n;
    unheard.delete(channel.name);
    tell();
  });
  channel.bind("pusher:subscription_error", ({ status }) => {
    if (status === 401) {
      deaf = SIGNED_OUT;
      tell();
      return;
    }
    setTimeout(() => pusher.subscribe(channel.name), patience(1, refused));
    refused += 1;
    unheard.add(channel.name);
    tell();
  });
  channel.bind_global((name, data) => {
    if (name.startsWith("pusher:")) return;
    const { n, ...params } = data?.params ?? {};
    if (n <= last) return;
    if (n > last + 1) renewAll();
    last = n;
    heard(name, params);
  });
}

function heard(name, params) {
  if (name === "run.chunk") {
    addChunk(params);
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    if (part.dataset.on.split(" ").some((word) => word && name.startsWith(word))) old.add(part.dataset.part);
  }
  soon();
}

function renewAll() {
  everything = true;
  // a connection that is back, or a person who did something, waits for no next attempt
  if (tries) {
    clearTimeout(timer);
    timer = setTimeout(renew, GATHER);
  }
  soon();
}

function soon() {
  if (timer || !(everything || old.size)) return;
  timer = setTimeout(renew, tries ? patience(1, tries - 1) : GATHER);
}

async function renew() {
  timer = 0;
  if (fetching) {
    timer = setTimeout(renew, GATHER);
    return;
  }
  const again = everything;
  const names = again ? [...document.querySelectorAll("[data-part]")].map((part) => part.dataset.part) : [...old];
  old.clear();
  everything = false;
  if (!names.length) return;
  fetching = true;
  try {
    refusal = await fetchParts(names, again);
    tries = 0;
  } catch {
    // Studio is away, or its database: nobody knows what was missed meanwhile
    everything = true;
    tries += 1;
  } finally {
    fetching = false;
  }
  tell();
  soon();
}

// Resolves to why there is nothing to read any more, empty when it was read.
async function fetchParts(names, again) {
  const address = new URL(location.href);
  address.hash = "";
  for (const name of names) address.searchParams.append("part", name);
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (answer.status === 401) return SIGNED_OUT;
  if (answer.status === 404) return "This is no longer here";
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const present = document.getElementById(part.id);
    if (present) follow(present, () => morph(present, document.adoptNode(part), again));
  }
  tick();
  document.dispatchEvent(new Event("parts-renewed"));
  return "";
}

// a log that was read to its end stays at its end
function follow(part, change) {
  const ends = [...part.querySelectorAll("[data-follow], [data-output]")].filter(atEnd).map((each) => each.id);
  change();
  for (const id of ends) {
    const log = document.getElementById(id);
    if (log) log.scrollTop = log.scrollHeight;
  }
}

function atEnd(log) {
  return log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
}

function poll(part) {
  const seconds = Number(part.dataset.every);
  if (!seconds) return;
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    old.add(part.dataset.part);
    soon();
  }, seconds * 1000);
}

const WORDS = { connected: "Live", connecting: "Connecting", unavailable: "Connecting", failed: "Not live", disconnected: "Not live" };

const SIGNED_OUT = "Signed out: load the page again";

function show(state) {
  if (!WORDS[state]) return;
  link = state;
  tell();
}

// "Live" over parts that are old, and stay so, would not be true
function tell() {
  const again = tries ? "Out of date: trying again" : unheard.size ? "Not live: trying again" : "";
  const trouble = refusal || deaf || again;
  const words = trouble || (WORDS[link] ?? "");
  const place = document.getElementById("link-state");
  place.dataset.state = trouble ? "failed" : link;
  place.hidden = !words;
  // it is read aloud whenever it is written
  if (place.textContent !== words) place.textContent = words;
}
