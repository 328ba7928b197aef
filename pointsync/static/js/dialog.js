// Forms with a page of their own open in a dialog over the page that links to them.
import { showScripted } from "./scripted.js";
import { announce } from "./announce.js";

let opener = null;

export function startDialogs() {
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[data-dialog]");
    if (link) {
      event.preventDefault();
      // An open menu behind the dialog would react to Escape first.
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
    if (event.target.matches("dialog [data-sheet-form]")) {
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
    const continueLink = dialog.querySelector("[data-continue]");
    if (continueLink) return goTo(continueLink.href);
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
  const secrets = readSecrets(form);
  const sheet = await loadSheet(action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
  dialog.removeAttribute("aria-busy");
  if (sheet === "redirected") return;
  if (!sheet) {
    form.setAttribute("action", action);
    return form.submit();
  }
  dialog.replaceChildren(sheet);
  restoreSecrets(sheet, secrets);
  showScripted(dialog);
  focusFirst(dialog);
}

// The sheet in the response; "redirected" after a redirect, which is followed; null if there is no sheet.
async function loadSheet(href, options) {
  try {
    const response = await fetch(href, { ...options, headers: { "X-Dialog": "1" } });
    const redirectUrl = response.headers.get("X-Location");
    if (redirectUrl) {
      goTo(redirectUrl);
      return "redirected";
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return document.adoptNode(page.querySelector("[data-sheet]"));
  } catch {
    return null;
  }
}

// Opens a page with exactly one request, since its flashed messages are shown only once.
function goTo(href) {
  const url = new URL(href, location.href);
  const isSamePage = url.pathname === location.pathname && url.search === location.search;
  if (!isSamePage || !url.hash) return location.assign(url);
  // With only a new #anchor the browser would scroll and not reload.
  history.replaceState(null, "", url);
  location.reload();
}

// The site never sends a secret back. Typed secrets are kept here while other errors are corrected.
function readSecrets(form) {
  const secrets = new Map();
  for (const input of form.querySelectorAll("[data-keep-on-error]")) secrets.set(input.name, input.value);
  return secrets;
}

function restoreSecrets(sheet, secrets) {
  for (const [name, value] of secrets) {
    const input = sheet.querySelector(`[data-keep-on-error][name="${name}"]`);
    if (input && !input.value && input.getAttribute("aria-invalid") !== "true") input.value = value;
  }
}

function focusFirst(dialog) {
  dialog.scrollTop = 0;
  const element = dialog.querySelector("[aria-invalid=true], [autofocus]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea, button");
  element?.focus();
}
