"""The demo's reviewer: reads the difference and the tester's evidence, tries the tests itself, and says its verdict."""

import json
import os
import subprocess
import sys


def main() -> str:
    """The verdict line."""
    base, commit = os.environ["MAESTRO_BASE"], os.environ["MAESTRO_COMMIT"]
    changed = git("diff", "--name-only", f"{base}...{commit}").split()
    patch = git("diff", f"{base}...{commit}")
    print(f"{len(changed)} files changed: {', '.join(changed)}")
    print(patch)
    if not changed:
        return "VERDICT: REJECTED — nothing was changed"
    if outside := [path for path in changed if not path.startswith("wordkit/")]:
        return f"VERDICT: REJECTED — files outside wordkit/ were changed: {', '.join(outside)}"
    if any(line.startswith("+") and "NotImplementedError" in line for line in patch.splitlines()):
        return "VERDICT: REJECTED — something is still not implemented"
    evidence = read_evidence()
    if evidence is not None and evidence["exit_code"] != 0:
        return (
            f"VERDICT: REJECTED — the tester's `{evidence['command']}` fails: {failure(evidence['output'])}"
        )
    own = subprocess.run(
        ["sh", "-c", os.environ["MAESTRO_TEST"]], capture_output=True, text=True, check=False
    )
    if own.returncode != 0:
        return f"VERDICT: REJECTED — the tests fail here: {failure(own.stderr)}"
    return "VERDICT: APPROVED"


def read_evidence():
    """What the tester found at this very commit, or None without a tester."""
    path = os.environ.get("MAESTRO_EVIDENCE", "")
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def failure(output: str) -> str:
    """The line that says what was wrong, or the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "Error:" in line), lines[-1] if lines else "no output")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    print(main())
    sys.exit(0)
