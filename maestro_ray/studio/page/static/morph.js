// Turns what stands on the page into what the server sent, touching only what differs: focus, scroll and open menus stay.

/**
 * Make the element `old` look like `fresh`. Elements with an id are recognised wherever they moved to inside it.
 * `again`: also what is otherwise added to as it comes.
 */
export function morph(old, fresh, again = false) {
  const standing = old.contains(document.activeElement) ? document.activeElement : null;
  const around = standing ? ancestors(standing) : [];
  const known = new Map([...old.querySelectorAll("[id]")].map((each) => [each.id, each]));
  change(old, fresh, known, again);
  if (standing && standing !== document.activeElement) stand(standing, around);
}

// an element that is moved loses the focus; of one that is gone its nearest neighbour gets it
function stand(standing, around) {
  const near = around.find((each) => each.isConnected);
  const place = standing.isConnected ? standing : near?.querySelector("a[href], button, summary");
  place?.focus({ preventScroll: true });
}

function ancestors(element) {
  const named = element.parentElement.closest("[id]");
  return named ? [named, ...ancestors(named)] : [];
}

function change(old, fresh, known, again) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  attributes(old, fresh);
  // what an agent says is added to as it comes; only when something may have been missed is it read again
  if (old.hasAttribute("data-output") && !again) return;
  children(old, fresh, known, again);
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
}

// what the person did: an opened menu, a task that the keyboard stands on
function kept(element, name) {
  return (name === "open" && element.nodeName === "DETAILS") || name === "tabindex" || name === "draggable";
}

function children(old, fresh, known, again) {
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const same = next.id ? known.get(next.id) : place;
    if (!same || !alike(same, next)) {
      old.insertBefore(next, place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    change(same, next, known, again);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

function alike(one, other) {
  return one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");
}
