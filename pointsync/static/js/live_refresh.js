// What changes by itself is asked for again, a little later each time it cannot be had, and never while unseen.
import { reveal } from "./scripted.js";
import { say } from "./announce.js";

const SECONDS = 3;
const SLOWEST_SECONDS = 60;

export function startLive() {
  const root = document.querySelector("[data-live-from]");
  if (root) wait(root, SECONDS);
}

function wait(root, seconds) {
  setTimeout(() => look(root, seconds), seconds * 1000);
}

async function look(root, seconds) {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => look(root, SECONDS), { once: true });
    return;
  }
  const fresh = await load(root.dataset.liveFrom);
  if (fresh === "out") return tellOut(root);
  if (!fresh) return wait(root, Math.min(seconds * 2, SLOWEST_SECONDS));
  for (const element of root.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(element.id);
    if (other && other.innerHTML !== element.dataset.seen) replace(element, other);
  }
  if (rows(root) !== rows(fresh)) location.reload();
  // What has come to its end asks no more.
  if (fresh.querySelector("[data-live-from]")) wait(root, SECONDS);
}

async function load(href) {
  try {
    const answer = await fetch(href, { headers: { "X-Live": "1" } });
    if (answer.redirected) return "out";
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch {
    return null;
  }
}

function replace(element, other) {
  element.dataset.seen = other.innerHTML;
  // What the admin is just using stays as it is until they have left it.
  if (element.contains(document.activeElement) || element.querySelector("details[open]")) return;
  const before = element.querySelector("[data-live-words]")?.textContent.trim();
  element.replaceChildren(...document.importNode(other, true).childNodes);
  reveal(element);
  const after = element.querySelector("[data-live-words]")?.textContent.trim();
  if (after && before !== after) say(`${element.dataset.live ? `${element.dataset.live}: ` : ""}${after}`);
}

// A line more or less cannot be put in place: the page is loaded again, unless somebody is at work on it.
function rows(root) {
  if (document.querySelector("dialog[open], details[data-popover][open]")) return "";
  return [...root.querySelectorAll("[data-live-row]")].map((row) => row.dataset.liveRow).join();
}

function tellOut(root) {
  const notice = root.querySelector("[data-live-out]");
  if (notice) notice.hidden = false;
}
