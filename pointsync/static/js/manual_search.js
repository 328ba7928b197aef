// The manual is searched while one types. The server does the search; without this, the form asks for it.
import { announce } from "./announce.js";
import { showScripted } from "./scripted.js";

const DELAY_MS = 250;

export function startManualSearch() {
  const form = document.querySelector("[data-manual-search]");
  const content = document.querySelector("[data-manual-content]");
  if (!form || !content) return;
  const input = form.elements.q;
  const page = { nodes: [...content.childNodes], title: document.title, url: location.href, query: input.value.trim() };
  let shown = page.query;
  let timer;
  let request;

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, DELAY_MS);
  });

  async function search() {
    const query = input.value.trim();
    request?.abort();
    if (query === shown) return;
    if (query === page.query) {
      shown = query;
      return show(page.nodes, page.title, page.url);
    }
    request = new AbortController();
    const url = `${form.action.split("?")[0]}?${new URLSearchParams(new FormData(form))}`;
    const found = await load(url, request.signal);
    const fresh = found?.querySelector("[data-manual-content]");
    if (!fresh) return;
    shown = query;
    show([...document.importNode(fresh, true).childNodes], found.title, url);
    announce(content.querySelector("[data-manual-count]")?.textContent.trim() ?? "");
  }

  // The address changes along, so that the way back from a result leads to the results.
  function show(nodes, title, url) {
    content.replaceChildren(...nodes);
    showScripted(content);
    document.title = title;
    history.replaceState(history.state, "", url);
  }
}

async function load(url, signal) {
  try {
    const answer = await fetch(url, { signal });
    if (!answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null; // The next letter tries again, and Enter sends the form.
  }
}
