// Announces a change on the page to screen readers.
export function announce(text) {
  const region = document.querySelector("[data-announcer]");
  if (!region) return;
  region.textContent = "";
  // After a delay, because setting the same text at once would not count as a change.
  setTimeout(() => { region.textContent = text; }, 50);
}
