// Refreshes the live parts of a page: less often after failures, and not while the page is hidden.
import { showScripted } from "./scripted.js";
import { announce } from "./announce.js";

const INTERVAL_SECONDS = 3;
const MAX_SECONDS = 60;

const LIVE = "[data-refresh-url] [data-live]";
const LIVE_ROWS = "[data-refresh-url] [data-live-row]";

// Several parts of a page may be live: they have the same URL, that of the page.
export function startLiveRefresh() {
  const root = document.querySelector("[data-refresh-url]");
  if (root) scheduleRefresh(root, INTERVAL_SECONDS);
}

function scheduleRefresh(root, seconds) {
  setTimeout(() => refresh(root, seconds), seconds * 1000);
}

async function refresh(root, seconds) {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => refresh(root, INTERVAL_SECONDS), { once: true });
    return;
  }
  const newPage = await loadPage(root.dataset.refreshUrl);
  if (newPage === "signed out") return showSignedOut(root);
  if (!newPage) return scheduleRefresh(root, Math.min(seconds * 2, MAX_SECONDS));
  for (const element of document.querySelectorAll(LIVE)) {
    const newElement = newPage.getElementById(element.id);
    if (newElement && newElement.innerHTML !== element.dataset.lastHtml) replaceContent(element, newElement);
  }
  if (rowIds(document) !== rowIds(newPage)) location.reload();
  // A page that is final has no refresh URL.
  if (newPage.querySelector("[data-refresh-url]")) scheduleRefresh(root, INTERVAL_SECONDS);
}

async function loadPage(href) {
  try {
    const response = await fetch(href, { headers: { "X-Live": "1" } });
    if (response.redirected) return "signed out";
    return response.ok ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
  } catch {
    return null;
  }
}

function replaceContent(element, newElement) {
  element.dataset.lastHtml = newElement.innerHTML;
  // Leave the element alone while the admin uses it.
  if (element.contains(document.activeElement) || element.querySelector("details[open]")) return;
  const oldText = element.querySelector("[data-live-text]")?.textContent.trim();
  element.replaceChildren(...document.importNode(newElement, true).childNodes);
  showScripted(element);
  const newText = element.querySelector("[data-live-text]")?.textContent.trim();
  if (newText && newText !== oldText) announce(`${element.dataset.live ? `${element.dataset.live}: ` : ""}${newText}`);
}

// If a row was added or removed, the whole page is reloaded, unless a dialog or menu is open.
function rowIds(page) {
  if (document.querySelector("dialog[open], details[data-popover][open]")) return "";
  return [...page.querySelectorAll(LIVE_ROWS)].map((row) => row.dataset.liveRow).join();
}

function showSignedOut(root) {
  const notice = root.querySelector("[data-signed-out]");
  if (notice) notice.hidden = false;
}
