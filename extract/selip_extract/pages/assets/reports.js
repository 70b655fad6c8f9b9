// The run's reports, and what a person made of them

const NEGATIVE = "negative";
const OTHER_TEXTS = ["empty", "not_chinese", "not_mri", "not_head"]; // no head MRI: never normal
const sequences = [...data.modalities, GENERAL];
const siteByName = new Map(data.sites.map((site) => [site.name, site]));
const reports = data.reports.map(readReport);
const undoable = [];

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
    normal: present.length === 0 && !OTHER_TEXTS.includes(report.status),
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

function keep(report) {
  const stored = { checked: report.checked, ...(isCorrected(report) && { items: report.items }) };
  const text = stored.checked || stored.items ? JSON.stringify(stored) : null;
  if (!keepAs(keyOf(report.id), text)) tell(say("not_kept"));
}

function isCorrected(report) {
  return report.items !== report.extracted;
}

function signalsOn(sequence) {
  if (sequence === GENERAL) return data.changes;
  return sequence === "T1CE" ? data.enhancements : data.signals;
}

function sameStatement(one, other) {
  return ["sequence", "side", "site", "signal"].every((name) => one[name] === other[name])
    && one.more.site_text === other.more.site_text;
}

function described(item) {
  return [item.sequence, item.side, item.more.site_text ?? item.site, item.signal ?? say("negative")].filter(Boolean).join(" ");
}

// Corrections

function change(report, changes) {
  undoable.push({ report, items: report.items, checked: report.checked });
  Object.assign(report, changes);
  keep(report);
  refresh(report);
}

/** Replace the item at `index`, or append it; false where the report has it already. */
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

/** The item with one value changed. What said the old value, and how sure an extractor was of it, no longer holds. */
function corrected(item, name, value) {
  const { confidence, agreed, evidence, site_text: words, ...further } = item.more;
  const where = words === undefined || name === "site" ? {} : { site_text: words };
  const more = { ...where, ...further };
  const changedRoles = [name];
  const next = { ...item, [name]: value };
  if (name === "sequence" && next.signal !== null && !signalsOn(value).includes(next.signal)) {
    next.signal = signalsOn(value)[0];
    tell(say("changed_signal") + described(next));
  }
  if (next.sequence === GENERAL) {
    next.signal ??= signalsOn(GENERAL)[0];
    return { ...next, more: evidence ? { ...where, evidence } : where };
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
