// Copy buttons. They use the clipboard API, or the old copy command where that is not available (plain http, some
// frames). If neither works, they select the text so that the admin can copy it.
import { announce } from "./announce.js";

export function startCopyButtons() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = button.dataset.copyUrl ? await fetchSecret(button) : (source.value ?? source.textContent).trim();
  if (text === null) return showResult(button, "Not copied", "Not copied. Reload the page, and sign in if it asks you to.");
  if ((await copyWithClipboard(text)) || copyWithCommand(text)) return showResult(button, "Copied", "Copied.");
  selectText(source, text);
  showResult(button, "Press Ctrl+C", "The text is selected. Press Ctrl and C to copy it.");
}

// A secret is not on the page. It is fetched from the site straight to the clipboard.
async function fetchSecret(button) {
  const token = button.form.elements.csrf_token.value;
  try {
    const response = await fetch(button.dataset.copyUrl, {
      method: "POST",
      body: new URLSearchParams({ csrf_token: token }),
      headers: { Accept: "text/plain" },
    });
    const isText = response.ok && (response.headers.get("Content-Type") ?? "").startsWith("text/plain");
    return isText ? await response.text() : null;
  } catch {
    return null;
  }
}

async function copyWithClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function copyWithCommand(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (focused?.closest("dialog") ?? document.body).append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  area.remove();
  focused?.focus();
  return done;
}

function selectText(source, text) {
  if ("value" in source) {
    source.value = text;
    source.focus();
    source.select();
  } else {
    getSelection().selectAllChildren(source);
  }
}

function showResult(button, label, announcement) {
  const element = button.querySelector("[data-button-label]");
  const originalLabel = element?.dataset.originalLabel ?? element?.textContent;
  if (element) {
    element.dataset.originalLabel = originalLabel;
    element.textContent = label;
  }
  button.classList.toggle("copied", label === "Copied");
  announce(announcement);
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    if (element) element.textContent = originalLabel;
    button.classList.remove("copied");
  }, 2500);
}
