// What is of use only with a script stands hidden on the page until there is one.
export function showScripted(root) {
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
}
