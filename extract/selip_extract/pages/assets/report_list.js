// The list of reports, its filters, and which report is shown

let shown = reports;
let current = null;

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

function show(report) {
  current?.row.classList.remove("current");
  current = report;
  report.row.classList.add("current");
  report.row.scrollIntoView({ block: "nearest" });
  drawReport();
}

/** To the next or previous report of the list, also from one that the filters have left out. */
function step(direction) {
  const listed = new Set(shown);
  const among = reports.filter((report) => report === current || listed.has(report));
  const next = among[among.indexOf(current) + direction];
  if (next) show(next);
}
