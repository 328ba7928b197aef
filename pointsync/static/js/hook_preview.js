// Shows what the last order would give by the rule in the form, as it is typed.
const DELAY_MS = 300;

let timer = null;
let latest = 0;

export function startHookPreviews() {
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      const form = event.target.form;
      const preview = form?.querySelector("[data-preview-url]");
      if (!preview) return;
      clearTimeout(timer);
      timer = setTimeout(() => showExample(form, preview), DELAY_MS);
    });
  }
}

async function showExample(form, preview) {
  const number = ++latest;
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(preview.dataset.previewUrl, { method: "POST", body });
    const { message } = await response.json();
    // An answer that was overtaken is out of date.
    if (number === latest) preview.querySelector("[data-preview-result]").textContent = message;
  } catch {
    // The site cannot be reached now: the last example stays.
  }
}
