// Selects all rows of a list at once, and shows how many are selected.
export function startSelectAll() {
  for (const all of document.querySelectorAll("[data-select-all]")) {
    const list = all.closest("form, table");
    const rows = () => [...list.querySelectorAll("[data-select-row]")];
    const label = document.querySelector("[data-selected-count]");
    const update = () => {
      const count = rows().filter((row) => row.checked).length;
      all.checked = count > 0 && count === rows().length;
      all.indeterminate = count > 0 && count < rows().length;
      if (label) label.textContent = `${count} selected`;
    };
    all.addEventListener("change", () => {
      for (const row of rows()) row.checked = all.checked;
      update();
    });
    list.addEventListener("change", update);
    update();
  }
}
