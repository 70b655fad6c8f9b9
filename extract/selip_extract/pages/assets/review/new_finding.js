// A finding that was missed: its words are selected in the text, which fills the form; or it is typed

const ROLES = { site: "site", side: "side", post_side: "side", sequence: "sequence", signal: "signal",
  enhancement: "signal", restriction: "signal", change: "change", negation: "negation" };
let selection = null; // the evidence of the finding that is being added

function forgetSelection() {
  selection = null;
  byId("chosen-words").hidden = true;
}

/** Take the words that are selected in the text as the evidence of a new finding, and what they name into the form. */
function takeSelection() {
  const range = selectedCharacters();
  if (!range) return;
  const tokens = tokensOf(current).filter(({ start, end }) => range.start <= start && end <= range.end);
  const spans = tokens.map(({ kind, start, end }) => ({ role: ROLES[kind], start, end }));
  selection = { text: wordsAt(current, range.start, range.end), ...range, spans };
  const form = byId("add").elements;
  const named = (...kinds) => tokens.find(({ kind }) => kinds.includes(kind))?.value.split("|")[0];
  const change = named("change");
  const sequence = named("sequence") ?? (change ? GENERAL : named("enhancement") ? "T1CE" : named("restriction") ? "DWI" : null);
  if (sequence) form.sequence.value = sequence;
  offer(form.signal, signalSelect(form.sequence.value));
  form.side.value = data.sides.find((side) => side === named("side", "post_side")) ?? "";
  form.site.value = named("site") ?? "";
  const restricted = named("restriction") && { DWI: "高", ADC: "低" }[form.sequence.value];
  const signal = form.sequence.value === GENERAL ? change : (named("signal", "enhancement") ?? restricted);
  form.signal.value = named("negation") && form.sequence.value !== GENERAL ? NEGATIVE : (signal ?? form.signal.value);
  if (form.signal.selectedIndex < 0) form.signal.selectedIndex = 0;
  byId("chosen-words").hidden = false;
  byId("chosen-words").textContent = `${say("evidence")} ${selection.text}`;
}

/** The selected characters [start, end) of the text; null where nothing of it is selected. */
function selectedCharacters() {
  const chosen = getSelection();
  if (!chosen.rangeCount || chosen.isCollapsed) return null;
  const range = chosen.getRangeAt(0);
  if (!byId("text").contains(range.commonAncestorContainer)) return null;
  const before = document.createRange();
  before.setStart(byId("text"), 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = Array.from(before.toString()).length;
  return { start, end: start + Array.from(range.toString()).length };
}

function addFinding(form) {
  const said = (name) => valueOf(form.elements[name]);
  const [sequence, side, site, signal] = ["sequence", "side", "site", "signal"].map(said);
  const item = newItem({ sequence, side, site, signal });
  if (!item) return tell(say("unknown_site") + (site ?? ""));
  if (!state(current, item)) return;
  form.elements.site.value = "";
  forgetSelection();
}

/** A site that the vocabulary lacks is 未列部位 with its words; these must stand in the report. */
function newItem({ site, ...said }) {
  const evidence = selection ? { evidence: selection } : {};
  const known = siteNamed(site);
  if (known) return { ...said, site: known, more: evidence };
  if (!site || !selection?.text.includes(site)) return null;
  return { ...said, site: data.unlisted, more: { site_text: site, ...evidence } };
}
