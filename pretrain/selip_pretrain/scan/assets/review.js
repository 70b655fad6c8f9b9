"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const words = data.words;
const key = `selip-scan ${data.root}`;
const corrections = new Map(Object.entries(stored()));
const cards = [];

function stored() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

function keep() {
  try {
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(corrections)));
  } catch {
    // The corrections are on the page still, until it is closed.
  }
}

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function picture(series) {
  if (!series.picture) return make("div", words.no_picture, "picture");
  const image = make("img", "", "picture");
  image.src = series.picture;
  image.alt = series.description;
  image.loading = "lazy";
  return image;
}

function choice(series, card) {
  const select = make("select");
  select.setAttribute("aria-label", `${words.sequence_of} ${series.description}`);
  const now = series.used ? series.group : `${words.not_used} (${series.group})`;
  select.append(new Option(`${words.as_it_is}: ${now}`, ""));
  for (const sequence of data.sequences) select.append(new Option(sequence, sequence));
  select.append(new Option(words.not_to_be_used, "none"));
  select.value = corrections.get(series.id) ?? "";
  card.classList.toggle("changed", select.value !== "");
  select.addEventListener("change", () => {
    if (select.value) corrections.set(series.id, select.value);
    else corrections.delete(series.id);
    card.classList.toggle("changed", select.value !== "");
    keep();
    count();
  });
  return select;
}

function card(series) {
  const element = make("article", "", "card");
  const text = make("div", "", "text");
  text.append(
    make("b", series.description || series.id),
    make("span", series.tags, "small"),
    make("span", series.corrected ? words.by_manifest : series.why, "small"),
    make("span", series.report ? `${series.study}, ${words.report} ${series.report}` : series.study, "small"),
  );
  element.title = series.id;
  element.append(picture(series), text, choice(series, element));
  cards.push({ element, text: `${series.description} ${series.study} ${series.id} ${series.why}`.toLowerCase() });
  return element;
}

function group(title, members) {
  if (!members.length) return;
  const section = make("section");
  const heading = make("h2", `${title} (${members.length})`);
  heading.id = `group-${document.querySelectorAll("section").length}`;
  const grid = make("div", "", "cards");
  grid.append(...members.map(card));
  section.append(heading, grid);
  document.getElementById("list").append(section);
  const link = make("a", `${title} ${members.length}`);
  link.href = `#${heading.id}`;
  document.getElementById("groups").append(link);
}

function count() {
  document.getElementById("count").textContent = `${data.series.length} ${words.series}, ${corrections.size} ${words.corrected}`;
}

function search() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  for (const { element, text } of cards) element.hidden = !text.includes(wanted);
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector(".card:not([hidden])");
  }
}

function cell(value) {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function manifest() {
  const rows = new Map(data.manifest.map((row) => [row[0], [...row]]));
  for (const [id, sequence] of corrections) {
    const row = rows.get(id) ?? [id, "", "", ""];
    row[3] = sequence;
    rows.set(id, row);
  }
  const lines = [["study", "report_id", "patient_id", "sequence"], ...rows.values()];
  return `\ufeff${lines.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

function download() {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([manifest()], { type: "text/csv" }));
  link.download = "manifest.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

document.getElementById("root").textContent = data.root;
group(words.first, data.series.filter((series) => series.doubt === 0));
const others = data.series.filter((series) => series.doubt > 0);
for (const sequence of data.sequences) group(sequence, others.filter((one) => one.used && one.group === sequence));
for (const reason of new Set(others.filter((one) => !one.used).map((one) => one.group))) {
  group(`${words.not_used}: ${reason}`, others.filter((one) => !one.used && one.group === reason));
}
document.getElementById("search").addEventListener("input", search);
document.getElementById("export").addEventListener("click", download);
count();
