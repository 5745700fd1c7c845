// Turns what stands on the page into what the server sent, touching only what differs: focus, scroll and open menus stay.

/** Make `old` look like `fresh`; elements with an id are recognised wherever they moved to among their siblings. */
export function morph(old, fresh, again = false) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  attributes(old, fresh);
  // what an agent says is added to as it comes; only when something may have been missed is it read again
  if (old.hasAttribute("data-output") && !again) return;
  children(old, fresh, again);
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
  return (name === "open" && element.nodeName === "DETAILS") || name === "tabindex";
}

function children(old, fresh, again) {
  const known = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const same = next.id ? known.get(next.id) : unnamed(place) ? place : null;
    if (same && same.nodeName === next.nodeName) {
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      morph(same, next, again);
    } else {
      old.insertBefore(next, place);
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

function unnamed(node) {
  return node && !node.id;
}
