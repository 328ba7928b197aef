// Forms that have a page of their own open in a dialog over the page they were asked from.
import { reveal } from "./scripted.js";
import { say } from "./announce.js";

let opener = null;

export function startDialogs() {
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[data-dialog]");
    if (link) {
      event.preventDefault();
      // A menu left open behind the dialog would take the Escape that is meant for it.
      const menu = link.closest("details[data-popover]");
      if (menu) menu.open = false;
      opener = menu?.querySelector("summary") ?? link;
      open(link.href);
    }
    const cancel = event.target.closest("dialog [data-cancel]");
    if (cancel) {
      event.preventDefault();
      cancel.closest("dialog").close();
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("dialog .sheet-form")) {
      event.preventDefault();
      send(event.target, event.submitter);
    }
  });
}

async function open(href) {
  const sheet = await load(href, {});
  if (!sheet) return location.assign(href);
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "sheet-title");
  dialog.addEventListener("close", () => {
    dialog.remove();
    const next = dialog.querySelector("[data-next]");
    if (next) return go(next.href);
    opener?.focus();
  });
  dialog.dataset.from = href;
  dialog.append(sheet);
  document.body.append(dialog);
  reveal(dialog);
  dialog.showModal();
  focus(dialog);
}

async function send(form, submitter) {
  const dialog = form.closest("dialog");
  if (dialog.getAttribute("aria-busy") === "true") return;
  dialog.setAttribute("aria-busy", "true");
  say("Saving …");
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? dialog.dataset.from;
  const kept = secrets(form);
  const sheet = await load(action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
  dialog.removeAttribute("aria-busy");
  if (sheet === "gone") return;
  if (!sheet) {
    form.setAttribute("action", action);
    return form.submit();
  }
  dialog.replaceChildren(sheet);
  restore(sheet, kept);
  reveal(dialog);
  focus(dialog);
}

// The sheet of a page; "gone" when the site has sent the browser elsewhere; null when there is no sheet.
async function load(href, options) {
  try {
    const answer = await fetch(href, { ...options, headers: { "X-Dialog": "1" } });
    const next = answer.headers.get("X-Location");
    if (next) {
      go(next);
      return "gone";
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return document.adoptNode(page.querySelector("[data-sheet]"));
  } catch {
    return null;
  }
}

// To the next page, asked for once: a second asking would find its notices already said.
function go(next) {
  const there = new URL(next, location.href);
  const isHere = there.pathname === location.pathname && there.search === location.search;
  if (!isHere || !there.hash) return location.assign(there);
  // Another place of this very page would only be scrolled to.
  history.replaceState(null, "", there);
  location.reload();
}

// The site never sends a secret back. What was typed stays in this window, unless it was what is wrong.
function secrets(form) {
  const typed = new Map();
  for (const input of form.querySelectorAll("[data-secret]")) typed.set(input.name, input.value);
  return typed;
}

function restore(sheet, kept) {
  for (const [name, value] of kept) {
    const input = sheet.querySelector(`[data-secret][name="${name}"]`);
    if (input && !input.value && input.getAttribute("aria-invalid") !== "true") input.value = value;
  }
}

function focus(dialog) {
  dialog.scrollTop = 0;
  const wanted = dialog.querySelector("[aria-invalid=true], [autofocus]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea, button");
  wanted?.focus();
}
