// Copying, in three ways: the clipboard of secure pages, the old command (plain http, frames without leave),
// and where neither works the text selected, for the admin's own hand.
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
  if (text === null) return showResult(button, "Not copied", "This was not copied: load the page again, and sign in if it asks.");
  if ((await copyWithClipboard(text)) || copyWithCommand(text)) return showResult(button, "Copied", "Copied.");
  selectText(source, text);
  showResult(button, "Press Ctrl+C", "The text is selected: copy it with Ctrl and C.");
}

// A secret is not on the page: it comes from the site and goes to the clipboard, past the screen.
async function fetchSecret(button) {
  const token = button.form.elements.csrf_token.value;
  try {
    const answer = await fetch(button.dataset.copyUrl, {
      method: "POST",
      body: new URLSearchParams({ csrf_token: token }),
      headers: { Accept: "text/plain" },
    });
    const isText = answer.ok && (answer.headers.get("Content-Type") ?? "").startsWith("text/plain");
    return isText ? await answer.text() : null;
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
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (before?.closest("dialog") ?? document.body).append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  area.remove();
  before?.focus();
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

function showResult(button, words, sentence) {
  const place = button.querySelector("[data-button-label]");
  const before = place?.dataset.originalLabel ?? place?.textContent;
  if (place) {
    place.dataset.originalLabel = before;
    place.textContent = words;
  }
  button.classList.toggle("copied", words === "Copied");
  announce(sentence);
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    if (place) place.textContent = before;
    button.classList.remove("copied");
  }, 2500);
}
