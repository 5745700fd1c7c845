// Chromium at the end of a pipe: one JSON command a line in, one JSON answer a line out, in order.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.argv[2],
  timeout: 120_000,
  // a root user in a container has no sandbox of its own
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none", "--disable-lcd-text"],
});

let page = null;
let problems = [];

const DO = {
  /** A fresh window: size, `light` or `dark`, with scripts or without. */
  async open({ width, height, scheme, scripts, cookies }) {
    await page?.context().close();
    problems = [];
    const context = await browser.newContext({
      viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: scripts, reducedMotion: "reduce",
    });
    context.setDefaultTimeout(60_000);
    if (cookies.length) await context.addCookies(cookies);
    page = await context.newPage();
    page.on("console", (said) => ["error", "warning"].includes(said.type()) && problems.push(said.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
  },
  goto: async ({ url }) => (await page.goto(url)).status(),
  click: ({ what }) => page.click(what),
  fill: ({ what, text }) => page.fill(what, text),
  press: ({ key }) => page.keyboard.press(key),
  drag: ({ what, onto }) => page.dragAndDrop(what, onto),
  count: ({ what }) => page.locator(what).count(),
  text: ({ what }) => page.locator(what).first().innerText(),
  wait: async ({ what, state }) => { await page.locator(what).first().waitFor({ state }); },
  // a function that waits inside the page would need eval there, which the page's policy forbids
  async until({ holds }) {
    for (const end = Date.now() + 60_000; !(await page.evaluate(holds)); await new Promise((go) => setTimeout(go, 20))) {
      if (Date.now() > end) throw new Error("it never became true");
    }
  },
  evaluate: ({ expression }) => page.evaluate(expression),
  cookies: () => page.context().cookies(),
  size: ({ width, height }) => page.setViewportSize({ width, height }),
  scheme: ({ scheme }) => page.emulateMedia({ colorScheme: scheme }),
  screenshot: async ({ path, full }) => { await page.screenshot({ path, fullPage: full }); },
  address: () => page.url(),
  problems: () => problems.splice(0),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...values } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await DO[what](values)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
