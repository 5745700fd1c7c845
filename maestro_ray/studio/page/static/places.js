// A mistake in a plan: put the cursor where it is.

export function startPlaces() {
  const mistake = document.getElementById("mistake");
  const text = document.getElementById("toml");
  if (!mistake?.dataset.line || !text) return;
  const lines = text.value.split("\n");
  const before = lines.slice(0, mistake.dataset.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const place = before + Number(mistake.dataset.column) - 1;
  text.focus();
  text.setSelectionRange(place, place);
}
