// Groups that were folded stay folded, in this browser; and all of them fold by one button.
const PREFIX = "pointsync-fold:";

export function startGroups() {
  const groups = [...document.querySelectorAll("details[data-group]")];
  const all = document.querySelector("[data-collapse-all]");
  if (all && groups.length < 2) all.hidden = true;
  for (const group of groups) {
    const kept = readState(storageKey(group));
    if (kept && !group.querySelector("[aria-invalid=true]")) group.open = kept === "open";
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
  all.querySelector("[data-collapse-all-label]").textContent = groups.some((group) => group.open) ? "Collapse all" : "Expand all";
}

function storageKey(group) {
  // By its tab: what a form has answered stands at an address of its own.
  const place = document.querySelector(".tab[aria-current]")?.pathname ?? location.pathname;
  return `${PREFIX}${place}#${group.dataset.group}`;
}

// A browser may forbid storage, in a frame above all: then nothing is remembered.
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
    // see above
  }
}
