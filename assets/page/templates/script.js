// Sorts and filters tables, and opens the report that a link leads to. Without it, the page shows the same.
"use strict";

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
}

function compare(one, other) {
  const [first, second] = [one, other].map((text) => Number(text.replaceAll(",", "")));
  return Number.isNaN(first) || Number.isNaN(second) ? collator.compare(one, other) : first - second;
}

function sort(table, heading, column) {
  const descending = heading.getAttribute("aria-sort") !== "descending" && heading.classList.contains("n")
    || heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
  rows.sort(([one], [other]) => {
    if (one === "" || other === "") return (one === "") - (other === "");  // what is unknown comes last
    return descending ? compare(other, one) : compare(one, other);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function filter(table, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of table.tBodies[0].rows) {
    const content = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => content.includes(word));
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading, column));
    heading.append(button);
  });
  if (table.tBodies[0].rows.length > 5) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    label.className = "filter";
    input.type = "search";
    input.addEventListener("input", () => filter(table, input.value));
    label.append("Show rows with ", input);
    table.parentElement.before(label);
  }
}

function openLinked() {
  let found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let outer = found; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
  if (found) found.scrollIntoView();
}

addEventListener("hashchange", openLinked);
openLinked();
