// What is of use only with a script stands hidden on the page until there is one.
export function reveal(root) {
  for (const element of root.querySelectorAll("[data-scripted]")) element.hidden = false;
}
