"use strict";
// Tables that sort and find. All text is set as text, never as HTML.
const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Order of two values: numbers by size, texts by the alphabet, "3" before "10"; what is missing comes last.
function compare(first, second, sign) {
  const missing = (value) => value === "" || value === null || value === "–";
  if (missing(first) || missing(second)) return missing(first) - missing(second);
  if (typeof first === "number" && typeof second === "number") return sign * (first - second);
  return sign * String(first).localeCompare(String(second), "en", { numeric: true });
}

// Makes headers buttons that call sort(column, sign); numbers begin with the largest.
function sortable(table, sort) {
  for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
    const button = element("button", header.textContent, { type: "button" });
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = header.getAttribute("aria-sort");
      const first = header.classList.contains("number") ? "descending" : "ascending";
      const direction = before === "ascending" ? "descending" : before === "descending" ? "ascending" : first;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", direction);
      sort(column, direction === "ascending" ? 1 : -1);
    });
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  const value = (row, column) => {
    const { dataset, textContent } = row.cells[column];
    return dataset.value === undefined ? textContent : dataset.value === "" ? "" : Number(dataset.value);
  };
  sortable(table, (column, sign) => {
    const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
    rows.sort((a, b) => compare(a[0], b[0], sign));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  });
}

for (const input of document.querySelectorAll("[data-filters]")) {
  const id = input.dataset.filters;
  const only = document.querySelector(`[data-only="${id}"]`);
  const update = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of byId(id).tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word)) || (only?.checked && !row.classList.contains(only.value));
      count += !row.hidden;
    }
    document.querySelector(`[data-counts="${id}"]`).textContent = `${count} shown`;
  };
  input.addEventListener("input", update);
  only?.addEventListener("change", update);
  update();
}
