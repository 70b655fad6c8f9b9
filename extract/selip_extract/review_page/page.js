"use strict";

const KEYS = { "j k": "key_next", c: "key_check", u: "key_undo", "/": "key_search", "?": "key_help", Esc: "key_leave" };
const GENERAL = "general";
const NEGATIVE = "negative";

// The run, and what a person made of it

const data = JSON.parse(document.getElementById("data").textContent);
const english = data.words.values;
const sequences = [...data.modalities, GENERAL];
const siteByName = new Map(data.sites.map((site) => [site.name, site]));
for (const site of data.sites) english[site.name] = site.english;
const reports = data.reports.map(readReport);
const undoable = [];
let shown = reports;
let current = null;
let language = kept("selip-review/language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");

/** A report with its findings, negatives and general changes as one list of items; a correction makes a new list. */
function readReport(line) {
  const item = ({ modality, side, site, signal, change, ...more }) =>
    ({ sequence: modality ?? GENERAL, side, site, signal: signal ?? change ?? null, more });
  const extracted = [...line.findings, ...line.negatives, ...line.general].map(item);
  const characters = Array.from(line.findings_text); // the database counts characters, not UTF-16 units
  const words = `${line.report_id}\n${line.findings_text}`.toLowerCase();
  const stored = JSON.parse(kept(keyOf(line.report_id)) ?? "{}");
  return {
    id: line.report_id, text: line.findings_text, status: line.status, review: line.review, characters, words,
    extracted, items: stored.items ?? extracted, checked: stored.checked ?? false,
  };
}

/** The line of the annotated format, which names the database besides. */
function annotatedLine(report) {
  const present = report.items.filter((item) => item.signal !== null);
  const general = present.filter((item) => item.sequence === GENERAL);
  const where = ({ sequence, side, site }) => ({ modality: sequence, side, site });
  return JSON.stringify({
    report_id: report.id,
    findings_text: report.text,
    normal: present.length === 0,
    findings: present.filter((item) => item.sequence !== GENERAL)
      .map((item) => ({ ...where(item), signal: item.signal, ...item.more })),
    negatives: report.items.filter((item) => item.signal === null).map((item) => ({ ...where(item), ...item.more })),
    general: general.map(({ side, site, signal, more }) => ({ side, site, change: signal, ...more })),
    database: data.fingerprint,
  });
}

function keyOf(reportId) {
  return `selip-review/${data.fingerprint}/${data.run?.id}/${reportId}`;
}

/** What the browser has kept; some browsers keep nothing for a page that is a file. */
function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(report) {
  const stored = { checked: report.checked, ...(isCorrected(report) && { items: report.items }) };
  try {
    if (stored.checked || stored.items) localStorage.setItem(keyOf(report.id), JSON.stringify(stored));
    else localStorage.removeItem(keyOf(report.id));
  } catch {
    tell(say("not_kept"));
  }
}

function isCorrected(report) {
  return report.items !== report.extracted;
}

function signalsOn(sequence) {
  if (sequence === GENERAL) return data.changes;
  return sequence === "T1CE" ? data.enhancements : data.signals;
}

function sameStatement(one, other) {
  return ["sequence", "side", "site", "signal"].every((name) => one[name] === other[name]);
}

function described(item) {
  return [item.sequence, item.side, item.site, item.signal ?? say("negative")].filter(Boolean).join(" ");
}

// Corrections

function change(report, changes) {
  undoable.push({ report, items: report.items, checked: report.checked });
  Object.assign(report, changes);
  keep(report);
  refresh(report);
}

/** Put `item` in the place of the one at `index`, or at the end; false where the report says it already. */
function state(report, item, index = report.items.length) {
  if (report.items.some((other, at) => at !== index && sameStatement(other, item))) {
    tell(say("duplicate") + described(item));
    return false;
  }
  const items = [...report.items];
  items[index] = item;
  change(report, { items });
  return true;
}

/** The item with one value changed. What said the old value, and how sure a reader was of it, no longer holds. */
function corrected(item, name, value) {
  const { confidence, agreed, evidence, ...more } = item.more;
  const changedRoles = [name];
  const next = { ...item, [name]: value };
  if (name === "sequence" && next.signal !== null && !signalsOn(value).includes(next.signal)) {
    next.signal = signalsOn(value)[0];
    tell(say("changed_signal") + described(next));
  }
  if (next.sequence === GENERAL) {
    next.signal ??= signalsOn(GENERAL)[0];
    return { ...next, more: evidence ? { evidence } : {} };
  }
  if (next.signal !== item.signal) changedRoles.push("signal", "negation", "change");
  const spans = evidence?.spans?.filter((span) => !changedRoles.includes(span.role));
  return { ...next, more: evidence ? { ...more, evidence: { ...evidence, spans } } : more };
}

function undo() {
  const last = undoable.pop();
  if (!last) return tell(say("nothing_to_undo"));
  Object.assign(last.report, { items: last.items, checked: last.checked });
  keep(last.report);
  show(last.report);
  refresh(last.report);
}

function exportCorrections() {
  const lines = reports.filter((report) => report.checked || isCorrected(report)).map(annotatedLine);
  if (!lines.length) return tell(say("nothing_to_export"));
  const link = make("a", { download: `corrections-${data.fingerprint}.jsonl` });
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "application/jsonl" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  tell(say("exported") + lines.length);
}

// Elements

function byId(id) {
  return document.getElementById(id);
}

/** An element; `text` of a report can be anything, so that it never becomes markup. */
function make(tag, { text, data: values, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, values);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

function option(value, text, selected = false) {
  return make("option", { value, text, selected });
}

function say(label) {
  return data.words[language][label];
}

function named(value) {
  return language === "en" && english[value] ? `${value} ${english[value]}` : value;
}

function sequenceName(sequence) {
  return sequence === GENERAL ? say("general") : sequence;
}

function tell(sentence) {
  const message = byId("message");
  message.textContent = sentence;
  message.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (message.hidden = true), 6000);
}

// The list and its filters

function makeRow(report) {
  const marks = make("span", { className: "marks" });
  const start = make("span", { className: "start", text: report.characters.slice(0, 60).join("") });
  const button = make("button", { type: "button", className: "report" }, make("b", { text: report.id }), marks, start);
  button.addEventListener("click", () => show(report));
  Object.assign(report, { marks, row: make("li", {}, button) });
}

function refreshRow(report) {
  const reasons = new Set(report.review.map(({ reason }) => reason));
  const marks = [...reasons].map((reason) => make("i", { className: reason, text: say("reasons")[reason] }));
  if (report.status !== "ok") marks.unshift(make("i", { className: "failed", text: say("statuses")[report.status] }));
  if (isCorrected(report)) marks.push(make("i", { className: "corrected", text: "✎", title: say("corrected") }));
  if (report.checked) marks.push(make("i", { className: "checked", text: "✓", title: say("checked") }));
  report.marks.replaceChildren(...marks);
}

function applyFilters() {
  const wanted = Object.fromEntries(new FormData(byId("filters")));
  const text = wanted.search.trim().toLowerCase();
  const sites = wanted.site.trim() ? sitesWithParts(wanted.site.trim()) : null;
  const aboutFindings = wanted.sequence || sites || wanted.signal || wanted.agreed;
  const fits = (item) =>
    (!wanted.sequence || item.sequence === wanted.sequence) &&
    (!sites || sites.has(item.site)) &&
    (wanted.signal ? (item.signal ?? NEGATIVE) === wanted.signal : item.signal !== null) &&
    (!wanted.agreed || (item.sequence !== GENERAL && agreementOf(item) === wanted.agreed));
  const isChecked = (report) => report.checked;
  const handled = { checked: isChecked, unchecked: (report) => !report.checked, corrected: isCorrected };
  shown = reports.filter((report) =>
    (!text || report.words.includes(text)) &&
    (!wanted.status || report.status === wanted.status) &&
    (!wanted.reason || report.review.some(({ reason }) => reason === wanted.reason)) &&
    (!wanted.checked || handled[wanted.checked](report)) &&
    (!aboutFindings || report.items.some(fits)));
  byId("reports").replaceChildren(...shown.map(({ row }) => row));
  byId("shown").textContent = `${shown.length.toLocaleString()} / ${reports.length.toLocaleString()} ${say("reports")}`;
}

function agreementOf(item) {
  return { true: "yes", false: "no" }[item.more.agreed] ?? "one";
}

/** The site of that name and all that lie in it; of the beginning of a name, all that contain it. */
function sitesWithParts(name) {
  const matches = (site) => site.name.includes(name) || site.english.includes(name.toLowerCase());
  const chosen = siteByName.has(name) ? (site) => site.name === name : matches;
  const lies = (site) => site && (chosen(site) || lies(siteByName.get(site.parent)));
  return new Set(data.sites.filter(lies).map((site) => site.name));
}

function filterBy(values) {
  const form = byId("filters");
  form.reset();
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  applyFilters();
  if (shown.length && !shown.includes(current)) show(shown[0]);
}

// The overview

function drawOverview() {
  const { statuses, reasons, agreement, heat } = data.overview;
  const figure = (name, count, filter) => {
    const button = make("button", { type: "button", className: "figure" },
      make("b", { text: count.toLocaleString() }), ` ${name}`);
    button.addEventListener("click", () => filterBy(filter));
    return button;
  };
  const group = (heading, figures) =>
    figures.length ? make("div", { className: "group" }, make("h3", { text: heading }), ...figures) : "";
  const counted = (counts, names, filter) =>
    Object.entries(counts).map(([key, count]) => figure(say(names)[key], count, { [filter]: key }));
  const agreements = Object.entries(agreement).filter(([, count]) => count)
    .map(([key, count]) => figure(say(key), count, { agreed: key }));
  byId("figures").replaceChildren(
    group(`${say("status")} (${say("reports")})`, counted(statuses, "statuses", "status")),
    group(`${say("reason")} (${say("reports")})`, counted(reasons, "reasons", "reason")),
    group(`${say("agreement")} (${say("findings")})`, agreements),
    heatMap(heat),
  );
}

function heatMap(heat) {
  const sites = Object.keys(heat);
  const most = Math.max(1, ...sites.flatMap((site) => Object.values(heat[site])));
  const cell = (site, sequence) => {
    const count = heat[site][sequence] ?? 0;
    if (!count) return make("td");
    const button = make("button", { type: "button", text: count, title: `${named(site)} ${sequence}` });
    button.style.setProperty("--heat", `${Math.round(8 + 50 * (count / most))}%`);
    button.addEventListener("click", () => filterBy({ site, sequence }));
    return make("td", {}, button);
  };
  return make("table", { className: "heat" },
    make("tr", {}, make("td"), ...sites.map((site) => make("th", { text: site, title: english[site] }))),
    ...data.modalities.map((sequence) =>
      make("tr", {}, make("th", { text: sequence }), ...sites.map((site) => cell(site, sequence)))));
}

// One report

function show(report) {
  current?.row.classList.remove("current");
  current = report;
  report.row.classList.add("current");
  report.row.scrollIntoView({ block: "nearest" });
  drawReport();
}

function drawReport() {
  const report = current;
  byId("report").hidden = false;
  byId("report-id").textContent = report.id;
  byId("checked").checked = report.checked;
  const reasons = [...new Set(report.review.map(({ reason }) => reason))];
  byId("reasons").replaceChildren(
    ...(report.status === "ok" ? [] : [make("i", { className: "failed", text: say("statuses")[report.status] })]),
    ...reasons.map((reason) => make("i", { className: reason, text: say("reasons")[reason] })));
  byId("text").replaceChildren(...passages(report));
  const used = sequences.filter((sequence) => report.items.some((item) => item.sequence === sequence));
  byId("legend").replaceChildren(...used.map(sequenceMark));
  drawTable(report, used);
}

/** The text cut wherever a highlighted span begins or ends: a passage knows all findings that rest on it. */
function passages(report) {
  const spans = report.items.flatMap(({ more: { evidence } }, index) =>
    !evidence ? [] : (evidence.spans ?? [evidence]).map(({ start, end }) => ({ start, end, index })));
  const cuts = new Set([0, report.characters.length]);
  for (const { start, end } of [...spans, ...report.review]) cuts.add(start).add(end);
  const places = [...cuts].sort((one, other) => one - other);
  return places.slice(0, -1).map((start, at) => {
    const end = places[at + 1];
    const covers = (span) => span.start <= start && end <= span.end;
    const text = report.characters.slice(start, end).join("");
    const items = [...new Set(spans.filter(covers).map(({ index }) => index))];
    const doubts = report.review.filter(covers).map(({ reason }) => reason);
    if (!items.length && !doubts.length) return document.createTextNode(text);
    const mark = make(items.length ? "mark" : "span", { text, data: { items: items.join(" ") } });
    if (doubts.length) {
      mark.classList.add("doubt");
      mark.title = doubts.map((reason) => say("reasons")[reason]).join(", ");
    }
    colour(mark, sequences.filter((sequence) => items.some((index) => report.items[index].sequence === sequence)));
    return mark;
  });
}

/** The colour of its sequence; words that several rest on have a line with the colour of each. */
function colour(mark, used) {
  if (used.length === 1) mark.dataset.sequence = used[0];
  const share = 100 / used.length;
  const stops = used.map((sequence, at) => `var(--${sequence}) ${at * share}% ${(at + 1) * share}%`);
  if (used.length) mark.style.setProperty("--line", `linear-gradient(to right, ${stops.join(", ")})`);
}

function drawTable(report, used) {
  const table = document.querySelector("#stated table");
  for (const body of [...table.tBodies]) body.remove();
  for (const sequence of used) {
    const rows = report.items.flatMap((item, index) =>
      item.sequence === sequence ? [findingRow(report, item, index)] : []);
    const heading = make("th", { colSpan: 7 }, sequenceMark(sequence));
    table.append(make("tbody", {}, make("tr", { className: "heading" }, heading), ...rows));
  }
  table.hidden = report.items.length === 0;
  byId("none").hidden = report.items.some((item) => item.signal !== null);
  byId("restore").hidden = !isCorrected(report);
}

function sequenceMark(sequence) {
  return make("span", { className: "sequence", data: { sequence }, text: sequenceName(sequence) });
}

function findingRow(report, item, index) {
  const { confidence, agreed } = item.more;
  const edited = (name, control) => {
    control.name = name;
    control.title = say(name);
    control.addEventListener("change", () => edit(report, index, name, control));
    return control;
  };
  const site = make("input", { value: item.site });
  site.setAttribute("list", "sites");
  const remove = make("button", { type: "button", className: "delete", text: "×", title: say("delete") });
  remove.addEventListener("click", () => change(report, { items: report.items.filter((_, at) => at !== index) }));
  const cells = [
    [edited("site", site), make("small", { text: furtherWords(item) })],
    [edited("side", sideSelect(item.side))],
    [edited("signal", signalSelect(item.sequence, item.signal))],
    [edited("sequence", sequenceSelect(item.sequence))],
    [confidence === undefined ? "" : confidence.toFixed(2)],
    [make("span", { text: { true: "✓", false: "≠" }[agreed] ?? "", title: say(agreementOf(item)) })],
    [remove],
  ];
  const row = make("tr", { tabIndex: 0, data: { item: index } }, ...cells.map((parts) => make("td", {}, ...parts)));
  row.classList.toggle("negative", item.signal === null);
  row.classList.toggle("unsure", agreed === false);
  return row;
}

function furtherWords({ site, more: { morphology, count, size_mm: size, margin, lesion, certainty } }) {
  const name = language === "en" && english[site];
  const extent = size && `${size.join("×")} mm`;
  return [name, morphology, count, extent, margin, lesion, certainty].filter(Boolean).join(" · ");
}

function sideSelect(side) {
  return make("select", {}, option("", "–"), ...data.sides.map((name) => option(name, named(name), name === side)));
}

function sequenceSelect(chosen) {
  return make("select", {}, ...sequences.map((name) => option(name, sequenceName(name), name === chosen)));
}

function signalSelect(sequence, signal) {
  const negative = sequence === GENERAL ? [] : [option(NEGATIVE, say("negative"), signal === null)];
  const positive = signalsOn(sequence).map((name) => option(name, named(name), name === signal));
  return make("select", {}, ...positive, ...negative);
}

/** What a control says: no side is null, and so is the signal of a negative. */
function valueOf(control) {
  return control.value === "" || control.value === NEGATIVE ? null : control.value.trim();
}

function edit(report, index, name, control) {
  const value = valueOf(control);
  if (name === "site" && !siteByName.has(value)) tell(say("unknown_site") + (value ?? ""));
  else if (state(report, corrected(report.items[index], name, value), index)) {
    return document.querySelector(`[data-item="${index}"] [name="${name}"]`)?.focus();
  }
  drawReport();
}

function addFinding(form) {
  const said = (name) => valueOf(form.elements[name]);
  const [sequence, side, site, signal] = ["sequence", "side", "site", "signal"].map(said);
  if (!siteByName.has(site)) return tell(say("unknown_site") + site);
  if (state(current, { sequence, side, site, signal, more: {} })) form.elements.site.value = "";
}

function refresh(report) {
  refreshRow(report);
  drawProgress();
  if (report === current) drawReport();
}

function drawProgress() {
  const checked = reports.filter((report) => report.checked).length;
  const changed = reports.filter(isCorrected).length;
  byId("progress").textContent = `${say("checked")} ${checked} · ${say("corrected")} ${changed}`;
}

/** Light the findings of these indices, in the text and in the table. */
function light(indices) {
  for (const mark of byId("text").querySelectorAll("[data-items]")) {
    mark.classList.toggle("lit", mark.dataset.items.split(" ").some((index) => index && indices.includes(index)));
  }
  for (const row of document.querySelectorAll("[data-item]")) {
    row.classList.toggle("lit", indices.includes(row.dataset.item));
  }
}

function indicesAt(element) {
  const row = element.closest("[data-item]");
  return row ? [row.dataset.item] : (element.closest("[data-items]")?.dataset.items.split(" ") ?? []);
}

// The language

function fill(select, values, name) {
  const any = option("", `${select.title}: ${say("any")}`);
  offer(select, make("select", {}, any, ...values.map((value) => option(value, name(value)))));
}

/** Give a control the options of another; the value stays where it is one of them. */
function offer(select, other) {
  const chosen = select.value;
  select.replaceChildren(...other.children);
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

function speak() {
  document.documentElement.lang = language;
  document.title = `${say("title")} – ${data.database}`;
  for (const element of document.querySelectorAll("[data-label]")) element.textContent = say(element.dataset.label);
  for (const element of document.querySelectorAll("[data-placeholder]")) {
    element.placeholder = say(element.dataset.placeholder);
  }
  for (const element of document.querySelectorAll("[data-title]")) {
    element.title = say(element.dataset.title);
    element.ariaLabel = element.title;
  }
  const filters = byId("filters").elements;
  const signals = [...data.signals, ...data.enhancements, NEGATIVE, ...data.changes];
  fill(filters.status, Object.keys(data.words.en.statuses), (status) => say("statuses")[status]);
  fill(filters.reason, Object.keys(data.words.en.reasons), (reason) => say("reasons")[reason]);
  fill(filters.sequence, sequences, sequenceName);
  fill(filters.signal, signals, (signal) => (signal === NEGATIVE ? say(signal) : named(signal)));
  fill(filters.agreed, ["yes", "no", "one"], say);
  fill(filters.checked, ["checked", "unchecked", "corrected"], say);
  const add = byId("add").elements;
  offer(add.sequence, sequenceSelect());
  offer(add.side, sideSelect());
  offer(add.signal, signalSelect(add.sequence.value));
  const sites = data.sites.map((site) => option(site.name, language === "en" ? site.english : site.name));
  byId("sites").replaceChildren(...sites);
  byId("keys").replaceChildren(...Object.entries(KEYS).flatMap(([key, label]) => [
    make("dt", {}, ...key.split(" ").map((name) => make("kbd", { text: name }))), make("dd", { text: say(label) })]));
  byId("source").textContent = sourceLine();
  if (data.overview) drawOverview();
  for (const report of reports) refreshRow(report);
  applyFilters();
  drawProgress();
  if (current) drawReport();
}

function sourceLine() {
  if (!data.run) return data.database;
  const part = data.total > reports.length ? ` (${say("most_urgent")} ${reports.length.toLocaleString()})` : "";
  const run = `${say("run")} ${data.run.id}, ${data.run.reader}`;
  return `${data.database} · ${data.total.toLocaleString()} ${say("reports")}${part} · ${run}`;
}

// The person

/** To the next or previous report of the list, also from one that the filters have left out. */
function step(direction) {
  const listed = new Set(shown);
  const among = reports.filter((report) => report === current || listed.has(report));
  const next = among[among.indexOf(current) + direction];
  if (next) show(next);
}

function check() {
  if (current) change(current, { checked: !current.checked });
}

const ACTIONS = {
  j: () => step(1),
  k: () => step(-1),
  c: check,
  u: undo,
  "/": () => byId("filters").elements.search.focus(),
  "?": () => byId("help").showModal(),
};

function listen() {
  const filters = byId("filters");
  for (const event of ["input", "change"]) filters.addEventListener(event, applyFilters);
  byId("clear").addEventListener("click", () => filterBy({}));
  filters.addEventListener("submit", (event) => event.preventDefault());
  byId("add").addEventListener("submit", (event) => {
    event.preventDefault();
    addFinding(event.target);
  });
  byId("add").elements.sequence.addEventListener("change", ({ target }) =>
    offer(byId("add").elements.signal, signalSelect(target.value)));
  byId("restore").addEventListener("click", () => change(current, { items: current.extracted }));
  byId("checked").addEventListener("change", check);
  byId("undo").addEventListener("click", undo);
  byId("export").addEventListener("click", exportCorrections);
  byId("show-help").addEventListener("click", ACTIONS["?"]);
  byId("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    try {
      localStorage.setItem("selip-review/language", language);
    } catch {
      tell(say("not_kept"));
    }
    speak();
  });
  for (const [begin, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    byId("report").addEventListener(begin, (event) => light(indicesAt(event.target)));
    byId("report").addEventListener(end, () => light([]));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (event.target.matches("input:not([type=checkbox]), select")) {
      if (event.key !== "Escape") return;
      event.preventDefault(); // a field of a search would be emptied
      event.target.blur();
      return;
    }
    if (!ACTIONS[event.key]) return;
    event.preventDefault();
    ACTIONS[event.key]();
  });
}

reports.forEach(makeRow);
byId("empty").hidden = reports.length > 0;
for (const part of ["overview", "choose"]) byId(part).hidden = reports.length === 0;
listen();
speak();
if (reports.length) show(reports[0]);
