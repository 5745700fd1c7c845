"""What may be known of a repository: kinds of items, by who finds them."""

from __future__ import annotations

# written for those who work there
CONTEXT = "context"
# counted and read, without an agent
FOUND = ("languages", "frameworks", "commands", "directories", "hot_files")
# what takes somebody who understands the code
JUDGED = ("architecture", "convention", "risk", "glossary")
# what goes into every prompt
TOLD = (*FOUND, *JUDGED, CONTEXT)
