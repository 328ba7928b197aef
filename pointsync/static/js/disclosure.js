// Groups that were folded stay folded, in this browser; and all of them fold by one button.
const PREFIX = "pointsync-fold:";

export function startFolding() {
  const groups = [...document.querySelectorAll("details[data-fold]")];
  const all = document.querySelector("[data-fold-all]");
  if (all && groups.length < 2) all.hidden = true;
  for (const group of groups) {
    const kept = read(name(group));
    if (kept && !group.querySelector("[aria-invalid=true]")) group.open = kept === "open";
    group.addEventListener("toggle", () => {
      keep(name(group), group.open ? "open" : "closed");
      if (all) word(all, groups);
    });
  }
  if (!all) return;
  word(all, groups);
  all.addEventListener("click", () => {
    const open = !groups.some((group) => group.open);
    for (const group of groups) group.open = open;
  });
}

function word(all, groups) {
  all.querySelector("[data-fold-all-words]").textContent = groups.some((group) => group.open) ? "Collapse all" : "Expand all";
}

function name(group) {
  // By its tab: what a form has answered stands at an address of its own.
  const place = document.querySelector(".tab[aria-current]")?.pathname ?? location.pathname;
  return `${PREFIX}${place}#${group.dataset.fold}`;
}

// A browser may forbid storage, in a frame above all: then nothing is remembered.
function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // see above
  }
}
