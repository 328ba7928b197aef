// Shows elements that only work with scripts, and removes those that scripts replace.
export function showScripted(root) {
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
  for (const element of root.querySelectorAll("[data-without-script]")) element.remove();
}
