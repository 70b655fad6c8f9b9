// The list of reports, of which only the rows in view are drawn, and which report is shown

const ROW_HEIGHT = 56; // pixels, as in review.css
const ROWS_BESIDE = 8;
const drawnRows = new Map();
let current = null;

function listReports() {
  byId("rows").style.height = `${shown.length * ROW_HEIGHT}px`;
  byId("shown").textContent = `${shown.length.toLocaleString()} / ${reports.length.toLocaleString()} ${say("reports")}`;
  drawRows();
}

/** Draw the rows in view; a row that stays in view stays the same element, so that a click on it is none of another. */
function drawRows() {
  const list = byId("reports");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - ROWS_BESIDE);
  const last = Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + ROWS_BESIDE;
  const inView = shown.slice(first, last);
  const rows = inView.map((report, at) => {
    const row = drawnRows.get(report) ?? makeRow(report);
    row.style.top = `${(first + at) * ROW_HEIGHT}px`;
    return row;
  });
  drawnRows.clear();
  inView.forEach((report, at) => drawnRows.set(report, rows[at]));
  const before = byId("rows").children;
  if (before.length !== rows.length || rows.some((row, at) => row !== before[at])) byId("rows").replaceChildren(...rows);
}

function makeRow(report) {
  const start = make("span", { className: "start", text: wordsAt(report, 0, 60) });
  const button = make("button", { type: "button", className: "report" },
    make("b", { text: report.id }), make("span", { className: "marks" }), start);
  button.addEventListener("click", () => show(report));
  const row = make("li", {}, button);
  markRow(report, row);
  return row;
}

function refreshRow(report) {
  if (drawnRows.has(report)) markRow(report, drawnRows.get(report));
}

function markRow(report, row) {
  const marks = reasonMarks(report);
  if (report.made.note) marks.push(make("i", { text: "✍", title: say("note") }));
  if (isCorrected(report)) marks.push(make("i", { className: "corrected", text: "✎", title: say("corrected") }));
  if (report.made.checked) marks.push(make("i", { className: "checked", text: "✓", title: say("checked") }));
  row.querySelector(".marks").replaceChildren(...marks);
  row.classList.toggle("current", report === current);
}

/** Why a report is to be looked at, in a word each. */
function reasonMarks({ status, reasons }) {
  const failed = status === "ok" ? [] : [make("i", { className: "failed", text: say("statuses")[status] })];
  return [...failed, ...reasons.map((reason) => make("i", { className: reason, text: say("reasons")[reason] }))];
}

function show(report) {
  const before = current;
  current = report;
  opened = null;
  document.activeElement?.closest("#findings")?.querySelector(":focus").blur();
  forgetSelection();
  for (const one of [before, report]) if (one) refreshRow(one);
  scrollToRow(shown.indexOf(report));
  drawReport();
  byId("words").scrollTop = byId("stated").scrollTop = 0;
}

function scrollToRow(at) {
  if (at < 0) return;
  const list = byId("reports");
  const top = at * ROW_HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  drawRows();
}

/** To the next or previous report of the list, also from one that the filters have left out. */
function step(direction) {
  const next = neighbour(direction, () => true);
  if (next) show(next);
}

function neighbour(direction, fits) {
  const at = shown.indexOf(current);
  const after = shown.findIndex((report) => report.number > current.number);
  const from = at >= 0 ? at + direction : (after < 0 ? shown.length : after) - (direction < 0 ? 1 : 0);
  for (let next = from; shown[next]; next += direction) if (fits(shown[next])) return shown[next];
  return undefined;
}

/** Mark the report as checked and go on to the next that is not. */
function checkAndGoOn() {
  if (!current.made.checked) change(current, { checked: true });
  const next = neighbour(1, (report) => !report.made.checked);
  if (next) show(next);
  else tell(say("all_checked"));
}
