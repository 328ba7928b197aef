// Scrolls the current tab into view, since the tabs are wider than a phone.
export function scrollToTab() {
  document.querySelector(".tab[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
}
