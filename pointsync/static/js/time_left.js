// Counts down how long something is still valid, such as a code.
const SECOND_MS = 1000;
const endsAt = new WeakMap();

export function startTimesLeft() {
  setInterval(showTimesLeft, SECOND_MS);
}

// The time is measured here from the moment when the page came, so the clocks need not agree.
function showTimesLeft() {
  for (const element of document.querySelectorAll("[data-seconds-left]")) {
    if (!endsAt.has(element)) endsAt.set(element, performance.now() + element.dataset.secondsLeft * SECOND_MS);
    const seconds = Math.max(0, Math.round((endsAt.get(element) - performance.now()) / SECOND_MS));
    element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} minutes`;
  }
}
