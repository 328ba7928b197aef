// Forms that have a page of their own open in a dialog over the page they were asked from.
import { showScripted } from "./scripted.js";
import { announce } from "./announce.js";

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
      openDialog(link.href);
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
      submitForm(event.target, event.submitter);
    }
  });
}

async function openDialog(href) {
  const sheet = await loadSheet(href, {});
  if (!sheet) return location.assign(href);
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "sheet-title");
  dialog.addEventListener("close", () => {
    dialog.remove();
    const next = dialog.querySelector("[data-continue]");
    if (next) return goTo(next.href);
    opener?.focus();
  });
  dialog.dataset.url = href;
  dialog.append(sheet);
  document.body.append(dialog);
  showScripted(dialog);
  dialog.showModal();
  focusFirst(dialog);
}

async function submitForm(form, submitter) {
  const dialog = form.closest("dialog");
  if (dialog.getAttribute("aria-busy") === "true") return;
  dialog.setAttribute("aria-busy", "true");
  announce("Saving …");
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? dialog.dataset.url;
  const kept = readSecrets(form);
  const sheet = await loadSheet(action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
  dialog.removeAttribute("aria-busy");
  if (sheet === "gone") return;
  if (!sheet) {
    form.setAttribute("action", action);
    return form.submit();
  }
  dialog.replaceChildren(sheet);
  restoreSecrets(sheet, kept);
  showScripted(dialog);
  focusFirst(dialog);
}

// The sheet of a page; "gone" when the site has sent the browser elsewhere; null when there is no sheet.
async function loadSheet(href, options) {
  try {
    const answer = await fetch(href, { ...options, headers: { "X-Dialog": "1" } });
    const next = answer.headers.get("X-Location");
    if (next) {
      goTo(next);
      return "gone";
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return document.adoptNode(page.querySelector("[data-sheet]"));
  } catch {
    return null;
  }
}

// To the next page, asked for once: a second asking would find its notices already said.
function goTo(next) {
  const there = new URL(next, location.href);
  const isHere = there.pathname === location.pathname && there.search === location.search;
  if (!isHere || !there.hash) return location.assign(there);
  // Another place of this very page would only be scrolled to.
  history.replaceState(null, "", there);
  location.reload();
}

// The site never sends a secret back. What was typed stays in this window, unless it was what is wrong.
function readSecrets(form) {
  const typed = new Map();
  for (const input of form.querySelectorAll("[data-keep-on-error]")) typed.set(input.name, input.value);
  return typed;
}

function restoreSecrets(sheet, kept) {
  for (const [name, value] of kept) {
    const input = sheet.querySelector(`[data-keep-on-error][name="${name}"]`);
    if (input && !input.value && input.getAttribute("aria-invalid") !== "true") input.value = value;
  }
}

function focusFirst(dialog) {
  dialog.scrollTop = 0;
  const wanted = dialog.querySelector("[aria-invalid=true], [autofocus]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea, button");
  wanted?.focus();
}
