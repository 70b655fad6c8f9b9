// A run in pictures: bars and heat maps

const SVG = "http://www.w3.org/2000/svg";
const ROW = 17;
const CELL = 38;
const MAX_BAR = 110; // pixels
const MAX_LABEL = 20; // characters

/** The pictures; where `press` is given, a part that stands for a filter calls it with that filter. */
function overviewPictures(overview, press) {
  const { outcomes, statuses, reasons, work, general, agreement, sides, signals, sites, confidence } = overview;
  const speeds = overview.runs.filter((run) => run.reports_per_second !== null)
    .map(({ run_id: run, extractor, reports_per_second: speed }) => [`${run} · ${extractor}`, speed]);
  const counts = (heading, unit, counted, name, filter) =>
    bars(say(unit, say(heading)), Object.entries(counted), name, press, (key) => ({ [filter]: key }));
  return [
    bars(say("by_reports", say("outcome")), Object.entries(outcomes), (key) => say("outcomes")[key]),
    bars(say("by_reports", say("work")), Object.entries(work), (key) => say(key),
      press, (key) => (key === "left" ? { checked: "left" } : { checked: "checked" })),
    counts("status", "by_reports", statuses, (key) => say("statuses")[key], "status"),
    counts("reason", "by_reports", reasons, (key) => say("reasons")[key], "reason"),
    counts("agreement", "by_findings", agreement, say, "agreed"),
    bars(say("by_findings", say("side")), Object.entries(sides), valueName),
    heatMap(say("by_reports", say("site")), sites, data.modalities, valueName, sequenceName, press,
      (site, sequence) => ({ site, sequence })),
    heatMap(say("by_findings", say("signal")), signals, data.modalities, valueName, sequenceName, press,
      (signal, sequence) => ({ signal, sequence })),
    heatMap(say("by_reports", say("general_changes")), general, data.changes, valueName, valueName, press,
      (site, change) => ({ sequence: GENERAL, site, signal: change })),
    heatMap(say("by_findings", say("sureness")), confidence, ["yes", "no", "one"], valueName, say),
    texts(say("by_reports", say("unlisted_sites")), overview.unlisted_sites, press, overview.vocabulary_entries),
    texts(say("by_reports", say("uncited")), overview.uncited, press),
    bars(say("throughput"), speeds, (run) => run),
  ].filter(Boolean);
}

/** The name of a value in the language of the page; what is no value of the vocabulary stands as it is. */
function valueName(value) {
  return value === "nothing" ? say(value) : (inEnglish(value) ?? value);
}

function bars(heading, counted, name, press, filter) {
  if (!counted.length) return null;
  const names = counted.map(([key]) => shortened(name(key)));
  const from = widest(names);
  const most = Math.max(...counted.map(([, count]) => count));
  const rows = counted.map(([key, count], at) => part(`${name(key)}: ${number(count)}`, press && (() => press(filter(key))),
    written(names[at], from - 8, at, "end"),
    shape("bar", { x: from, y: at * ROW + 2, width: Math.max(1, MAX_BAR * (count / most)), height: ROW - 4 }),
    written(number(count), from + MAX_BAR * (count / most) + 6, at)));
  return picture(heading, from + MAX_BAR + 56, counted.length * ROW, rows);
}

/** Counts by row and column, `table[row][column]`; columns in which there is nothing are left out. */
function heatMap(heading, table, columns, rowName, columnName, press, filter) {
  const keys = Object.keys(table);
  const used = columns.filter((column) => keys.some((row) => table[row][column]));
  if (!used.length) return null;
  const most = Math.max(...keys.flatMap((row) => Object.values(table[row])));
  const names = keys.map(rowName);
  const from = widest(names);
  const cell = Math.max(CELL, widest(used.map(columnName)));
  const heads = used.map((column, at) => written(columnName(column), from + (at + 0.5) * cell, 0, "middle"));
  const labels = names.map((name, at) => written(name, from - 8, at + 1, "end"));
  const cells = keys.flatMap((row, down) => used.flatMap((column, across) => {
    const count = table[row][column] ?? 0;
    const box = { x: from + across * cell, y: (down + 1) * ROW, width: cell - 2, height: ROW - 2 };
    if (!count) return [shape("none", box)];
    return [part(`${named(row)} ${columnName(column)}: ${number(count)}`, press && (() => press(filter(row, column))),
      shape("cell", { ...box, "fill-opacity": 0.08 + 0.42 * (count / most) }),
      written(number(count), from + (across + 0.5) * cell - 1, down + 1, "middle"))];
  }));
  return picture(heading, from + used.length * cell, (keys.length + 1) * ROW, [...heads, ...labels, ...cells]);
}

/** Words of reports by their number of reports; `entries` is the same as lines of a vocabulary file. */
function texts(heading, counted, press, entries) {
  const rows = Object.entries(counted).map(([text, count]) => {
    const said = press ? make("button", { type: "button", text }) : make("span", { text });
    if (press) said.addEventListener("click", () => press({ search: text }));
    return make("tr", {}, make("td", { text: number(count) }), make("td", {}, said));
  });
  if (!rows.length) return null;
  const parts = [make("figcaption", { text: heading }), make("table", {}, ...rows)];
  if (entries) {
    const summary = make("summary", { text: say("as_vocabulary") });
    parts.push(make("details", {}, summary, make("pre", { text: entries })));
  }
  return make("figure", { className: "texts" }, ...parts);
}

function picture(heading, width, height, parts) {
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  return make("figure", { className: "picture" }, make("figcaption", { text: heading }), drawn("svg", size, ...parts));
}

/** Shapes that mean one thing; with `act` they can be pressed, with the mouse or on the keyboard. */
function part(title, act, ...shapes) {
  const pressable = act && { class: "press", role: "button", tabindex: 0, "aria-label": title };
  const group = drawn("g", pressable ?? {}, drawn("title", {}, title), ...shapes);
  if (!act) return group;
  group.addEventListener("click", act);
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  });
  return group;
}

function shape(kind, box) {
  return drawn("rect", { class: kind, rx: 2, ...box });
}

function written(text, x, row, anchor = "start") {
  return drawn("text", { x, y: row * ROW + ROW / 2, "text-anchor": anchor, "dominant-baseline": "central" }, text);
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function number(count) {
  return count.toLocaleString(undefined, { maximumFractionDigits: count < 100 ? 1 : 0 });
}

function shortened(text) {
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text;
}

/** Room for any of these words: Chinese characters are as wide as high, others about half. */
function widest(words) {
  const width = (word) => Array.from(word).reduce((sum, one) => sum + (one > "⺀" ? 12.5 : 7), 0);
  return Math.ceil(Math.max(...words.map(width))) + 10;
}
