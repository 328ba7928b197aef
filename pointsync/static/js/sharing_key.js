// Fills in URL, Auth. and Pass. from a pasted sharing key, and asks the other site for its reserves.
import { announce } from "./announce.js";

const KEY = /^\s*(\S+)\|(wrk_[0-9a-f]{16}):(wrs_[0-9A-Za-z]{16})\s*$/i;

export function startSharingKeys() {
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-sharing-key]")) fillFields(event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask-url]");
    if (button) askSite(button);
  });
}

function fillFields(input) {
  const match = KEY.exec(input.value);
  if (!match) return;
  const fields = input.form.elements;
  [fields.url.value, fields.auth.value, fields.pass.value] = match.slice(1);
  announce("Filled in URL, Auth. and Pass. from the sharing key.");
  const button = input.form.querySelector("[data-ask-url]");
  if (button) askSite(button);
}

async function askSite(button) {
  const form = button.form;
  const result = form.querySelector("[data-ask-result]");
  button.disabled = true;
  result.textContent = "Asking the other site …";
  try {
    const response = await fetch(button.dataset.askUrl, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const { message, reserves } = await response.json();
    result.textContent = message;
    offerReserves(form, reserves);
  } catch {
    result.textContent = "The other site could not be asked now. You can save anyway; it is asked again then.";
  }
  button.disabled = false;
  announce(result.textContent);
}

function offerReserves(form, reserves) {
  const options = reserves.map(({ key, name }) => new Option(name, key));
  form.querySelector("[data-reserve-options]").replaceChildren(...options);
  const target = form.elements.target;
  const keys = reserves.map(({ key }) => key);
  // Keep what the admin has typed, even if the site has no such reserve; the message lists the existing ones.
  if (keys.length && (!target.value || (target.value === target.defaultValue && !keys.includes(target.value)))) target.value = keys[0];
}
