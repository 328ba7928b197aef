// The strip of tabs is wider than a phone: the tab that is shown is brought into sight.
export function scrollToTab() {
  document.querySelector(".tab[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
}
