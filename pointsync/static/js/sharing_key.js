// Fills in URL, Auth and Pass from a pasted sharing key, and checks the other site.
import { announce } from "./announce.js";

const KEY = /^\s*(\S+)\|(wrk_[0-9a-f]{16}):(wrs_[0-9A-Za-z]{16})\s*$/i;

export function startSharingKeys() {
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-sharing-key]")) fillFields(event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask-url]");
    if (button) checkSite(button);
  });
}

function fillFields(input) {
  const match = KEY.exec(input.value);
  if (!match) return;
  const fields = input.form.elements;
  [fields.url.value, fields.auth.value, fields.pass.value] = match.slice(1);
  announce("Filled in URL, Auth and Pass from the sharing key.");
  const button = input.form.querySelector("[data-ask-url]");
  if (button) checkSite(button);
}

async function checkSite(button) {
  // A disabled button would lose the focus of the keyboard.
  if (button.ariaBusy === "true") return;
  const form = button.form;
  const result = form.querySelector("[data-ask-result]");
  button.ariaBusy = "true";
  result.textContent = "Checking the site …";
  try {
    const response = await fetch(button.dataset.askUrl, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const { message, reserves } = await response.json();
    result.textContent = message;
    offerReserves(form, reserves);
  } catch {
    result.textContent = "The site could not be checked now. You can save anyway; it is checked again then.";
  }
  button.ariaBusy = "false";
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
