// Which reports are listed

let shown = reports;
let applied = "";

/** List what fits the form; a control that loses the focus says so without having changed. */
function applyFilters() {
  const wanted = Object.fromEntries(new FormData(byId("filters")));
  const asked = JSON.stringify(wanted);
  if (asked !== applied) listFitting(wanted);
  applied = asked;
}

function listFitting(wanted) {
  const text = wanted.search.trim().toLowerCase();
  const sites = wanted.site.trim() ? sitesWithParts(wanted.site.trim()) : null;
  const aboutFindings = wanted.sequence || sites || wanted.signal || wanted.agreed;
  const fits = (item) =>
    (!wanted.sequence || item.sequence === wanted.sequence) &&
    (!sites || sites.has(item.site)) &&
    (wanted.signal ? (item.signal ?? NEGATIVE) === wanted.signal : item.signal !== null) &&
    (!wanted.agreed || (item.sequence !== GENERAL && agreementOf(item) === wanted.agreed));
  const handled = {
    left: (report) => isToReview(report) && !report.made.checked,
    checked: (report) => report.made.checked,
    unchecked: (report) => !report.made.checked,
    corrected: isCorrected,
    noted: (report) => report.made.note,
  };
  shown = reports.filter((report) =>
    (!text || searched(report).includes(text)) &&
    (!wanted.status || report.status === wanted.status) &&
    (!wanted.reason || report.reasons.includes(wanted.reason)) &&
    (!wanted.checked || handled[wanted.checked](report)) &&
    (!aboutFindings || keysOf(report).some(fits)));
  listReports();
}

function searched(report) {
  return (report.words ??= `${report.id}\n${report.text}`.toLowerCase());
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
