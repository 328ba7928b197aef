// A pasted sharing key fills URL, Auth. and Pass.; and the other site can be asked which reserves it has.
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
  const found = KEY.exec(input.value);
  if (!found) return;
  const fields = input.form.elements;
  [fields.url.value, fields.auth.value, fields.pass.value] = found.slice(1);
  announce("URL, Auth. and Pass. are filled in from the sharing key.");
  const button = input.form.querySelector("[data-ask-url]");
  if (button) askSite(button);
}

async function askSite(button) {
  const form = button.form;
  const place = form.querySelector("[data-ask-result]");
  button.disabled = true;
  place.textContent = "Asking the other site …";
  try {
    const answer = await fetch(button.dataset.askUrl, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const { message, reserves } = await answer.json();
    place.textContent = message;
    offerReserves(form, reserves);
  } catch {
    place.textContent = "The other site could not be asked just now; save all the same, it is asked again then.";
  }
  button.disabled = false;
  announce(place.textContent);
}

function offerReserves(form, reserves) {
  const options = reserves.map(({ key, name }) => new Option(name, key));
  form.querySelector("[data-reserve-options]").replaceChildren(...options);
  const target = form.elements.target;
  const keys = reserves.map(({ key }) => key);
  // What the admin has typed stays, even where the site has no such reserve: the answer says which there are.
  if (keys.length && (!target.value || (target.value === target.defaultValue && !keys.includes(target.value)))) target.value = keys[0];
}
