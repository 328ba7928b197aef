// What changes by itself is asked for again, a little later each time it cannot be had, and never while unseen.
import { showScripted } from "./scripted.js";
import { announce } from "./announce.js";

const INTERVAL_SECONDS = 3;
const MAX_SECONDS = 60;

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
  const fresh = await loadPage(root.dataset.refreshUrl);
  if (fresh === "out") return showSignedOut(root);
  if (!fresh) return scheduleRefresh(root, Math.min(seconds * 2, MAX_SECONDS));
  for (const element of root.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(element.id);
    if (other && other.innerHTML !== element.dataset.lastHtml) replaceContent(element, other);
  }
  if (rowIds(root) !== rowIds(fresh)) location.reload();
  // What has come to its end asks no more.
  if (fresh.querySelector("[data-refresh-url]")) scheduleRefresh(root, INTERVAL_SECONDS);
}

async function loadPage(href) {
  try {
    const answer = await fetch(href, { headers: { "X-Live": "1" } });
    if (answer.redirected) return "out";
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch {
    return null;
  }
}

function replaceContent(element, other) {
  element.dataset.lastHtml = other.innerHTML;
  // What the admin is just using stays as it is until they have left it.
  if (element.contains(document.activeElement) || element.querySelector("details[open]")) return;
  const before = element.querySelector("[data-live-text]")?.textContent.trim();
  element.replaceChildren(...document.importNode(other, true).childNodes);
  showScripted(element);
  const after = element.querySelector("[data-live-text]")?.textContent.trim();
  if (after && before !== after) announce(`${element.dataset.live ? `${element.dataset.live}: ` : ""}${after}`);
}

// A line more or less cannot be put in place: the page is loaded again, unless somebody is at work on it.
function rowIds(root) {
  if (document.querySelector("dialog[open], details[data-popover][open]")) return "";
  return [...root.querySelectorAll("[data-live-row]")].map((row) => row.dataset.liveRow).join();
}

function showSignedOut(root) {
  const notice = root.querySelector("[data-signed-out]");
  if (notice) notice.hidden = false;
}
