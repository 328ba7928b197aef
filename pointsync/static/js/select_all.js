// Ticking all rows of a list at once, and saying how many are ticked.
export function startSelectAll() {
  for (const all of document.querySelectorAll("[data-select-all]")) {
    const list = all.closest("form, table");
    const rows = () => [...list.querySelectorAll("[data-select-row]")];
    const count = document.querySelector("[data-selected-count]");
    const tell = () => {
      const ticked = rows().filter((row) => row.checked).length;
      all.checked = ticked > 0 && ticked === rows().length;
      all.indeterminate = ticked > 0 && ticked < rows().length;
      if (count) count.textContent = ticked === 1 ? "1 ticked" : `${ticked} ticked`;
    };
    all.addEventListener("change", () => {
      for (const row of rows()) row.checked = all.checked;
      tell();
    });
    list.addEventListener("change", tell);
    tell();
  }
}
