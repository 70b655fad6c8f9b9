// What a person makes of a report: its items, whether it is checked, a note. It is kept in this browser

const KEPT = `selip-review/${data.fingerprint}/`;
const UNDO = `selip-undo/${data.fingerprint}`;
const MAX_UNDO = 200;
const undoable = JSON.parse(kept(UNDO) ?? "[]");

const keptTexts = new Map(keptBelow(KEPT));
for (const report of keptTexts.size ? reports : []) {
  if (keptTexts.has(keyOf(report))) report.made = JSON.parse(keptTexts.get(keyOf(report)));
}

/** What is made of a report is made of one reading of it: its items are numbers of that. */
function keyOf({ id, run }) {
  return `${KEPT}${run}/${id}`;
}

/** The items of a report as they are now; of those that nobody touched, `made` has the number alone. */
function itemsOf(report) {
  if (!report.made.items) return extractedOf(report);
  return report.made.items.map((item) => (typeof item === "number" ? extractedOf(report)[item] : item));
}

/** What a filter must know of the items; most reports were never looked at. */
function keysOf(report) {
  return report.made.items ? itemsOf(report) : report.keys;
}

function isCorrected(report) {
  return report.made.items !== undefined;
}

function isHandled(report) {
  return Boolean(report.made.checked || isCorrected(report));
}

function isToReview(report) {
  return report.reasons.length > 0;
}

/** `changes` to items (as a list of items), checked or note; they can be undone. */
function change(report, { items, ...changes }) {
  const before = report.made;
  const made = { ...before, ...changes, ...(items && { items: numbered(report, items) }) };
  if (made.items?.every((item, at) => item === at) && made.items.length === extractedOf(report).length) delete made.items;
  remember([[report.id, report.run, before]]);
  take(report, signed(made));
  refresh(report);
}

function numbered(report, items) {
  return items.map((item) => {
    const at = extractedOf(report).indexOf(item);
    return at < 0 ? item : at;
  });
}

/** With the person and the time; nothing where there is nothing to sign. */
function signed({ items, checked, note }) {
  if (!items && !checked && !note) return {};
  return { items, checked: checked || undefined, note: note || undefined, checked_by: reviewer(), checked_at: new Date().toISOString() };
}

function reviewer() {
  return byId("reviewer").value.trim() || undefined;
}

function take(report, made) {
  report.made = made;
  const text = Object.keys(made).length ? JSON.stringify(made) : null;
  if (!keepAs(keyOf(report), text)) tell(say("not_kept"));
}

function remember(step) {
  undoable.push(step);
  if (undoable.length > MAX_UNDO) undoable.shift();
  keepAs(UNDO, JSON.stringify(undoable));
}

function undo() {
  const step = undoable.pop();
  if (!step) return tell(say("nothing_to_undo"));
  keepAs(UNDO, JSON.stringify(undoable));
  const changed = step.filter(([id, run]) => reportById.get(id)?.run === run).map(([id, , made]) => [reportById.get(id), made]);
  for (const [report, made] of changed) take(report, made);
  table.attributes = null;
  if (changed.length === 1) show(changed[0][0]);
  refreshAll();
}

/** Replace the item at `index`, or append it; false where the report has it already. */
function state(report, item, index = itemsOf(report).length) {
  const items = [...itemsOf(report)];
  if (items.some((other, at) => at !== index && sameStatement(other, item))) {
    tell(say("duplicate") + described(item));
    return false;
  }
  items[index] = item;
  change(report, { items });
  return true;
}

function remove(report, index) {
  change(report, { items: itemsOf(report).filter((_, at) => at !== index) });
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

/** The item with another form, number, size, margin, lesion or certainty; undefined is none. */
function amended(item, name, value) {
  const { [name]: _, ...more } = item.more;
  return { ...item, more: value === undefined ? more : { ...more, [name]: value } };
}
