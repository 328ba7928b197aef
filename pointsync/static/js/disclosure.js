// Collapsible groups: this browser remembers which ones are collapsed, and one button collapses all.
const STORAGE_PREFIX = "pointsync-fold:";

export function startGroups() {
  const groups = [...document.querySelectorAll("details[data-group]")];
  const all = document.querySelector("[data-collapse-all]");
  if (all && groups.length < 2) all.hidden = true;
  for (const group of groups) {
    const state = readState(storageKey(group));
    if (state && !group.querySelector("[aria-invalid=true]")) group.open = state === "open";
    group.addEventListener("toggle", () => {
      saveState(storageKey(group), group.open ? "open" : "closed");
      if (all) setLabel(all, groups);
    });
  }
  if (!all) return;
  setLabel(all, groups);
  all.addEventListener("click", () => {
    const open = !groups.some((group) => group.open);
    for (const group of groups) group.open = open;
  });
}

function setLabel(all, groups) {
  const expands = !groups.some((group) => group.open);
  all.querySelector("[data-collapse-all-label]").textContent = expands ? "Expand all" : "Collapse all";
  const [minus, plus] = all.querySelectorAll("[data-collapse-all-icon]");
  minus.hidden = expands;
  plus.hidden = !expands;
}

function storageKey(group) {
  // By the tab's URL, since a form's response may have another one.
  const path = document.querySelector(".tab[aria-current]")?.pathname ?? location.pathname;
  return `${STORAGE_PREFIX}${path}#${group.dataset.group}`;
}

// A browser may forbid storage, especially in a frame. Then nothing is remembered.
function readState(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function saveState(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing is remembered.
  }
}
