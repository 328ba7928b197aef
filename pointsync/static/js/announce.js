// Tell a screen reader what has changed on the page.
export function announce(words) {
  const place = document.querySelector("[data-announcer]");
  if (!place) return;
  place.textContent = "";
  // A later turn, or the same words said twice would be no change to hear of.
  setTimeout(() => { place.textContent = words; }, 50);
}
