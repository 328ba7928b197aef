// Shows elements that only work with scripts.
export function showScripted(root) {
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
}
