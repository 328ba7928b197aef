// Help tips and row menus: only one is open at a time; Escape or a click elsewhere closes it.
const OPEN = "details[data-popover][open]";

export function startPopovers() {
  document.addEventListener("click", (event) => {
    const own = event.target.closest("details[data-popover]");
    for (const each of document.querySelectorAll(OPEN)) if (each !== own) each.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const each of document.querySelectorAll(OPEN)) {
      each.open = false;
      each.querySelector("summary").focus();
      event.preventDefault();
    }
  });
}
