// What the programs here speak to the tests: one JSON object a line, orders on stdin and happenings on stdout.

import { createInterface } from "node:readline";

export const place = JSON.parse(process.argv[2]);

export function tell(kind, facts) {
  process.stdout.write(JSON.stringify({ kind, ...facts }) + "\n");
}

// Each order's `do` names its handler. The end of stdin is the end of the program.
export function obey(handlers) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    handlers[order.do](order);
  });
  lines.on("close", () => process.exit(0));
}
