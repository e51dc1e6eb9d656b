"use strict";
// The page is whole without this: it adds filters, and opens what a link leads to.
const form = document.getElementById("filters");
const rows = [...document.querySelectorAll("#all tbody tr")];
const words = document.getElementById("words");
const outcome = document.getElementById("outcome");
const filter = () => {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of rows) {
    const text = row.cells[0].textContent.toLowerCase();
    const fits = (!outcome.value || row.dataset.outcome === outcome.value) && wanted.every((it) => text.includes(it));
    row.hidden = !fits;
    found += fits ? 1 : 0;
  }
  document.getElementById("found").textContent = `${found} of ${rows.length} scenarios`;
};
form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
filter();
const open = () => {
  const there = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!there) return;
  for (let at = there; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  const own = there.querySelector(":scope > details");
  if (own) own.open = true;
  there.scrollIntoView();
};
addEventListener("hashchange", open);
open();
