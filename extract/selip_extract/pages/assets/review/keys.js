// The keyboard: a session needs no mouse

/** By key: the label of what it does, and that. */
const KEYS = {
  " ": ["key_check_next", checkAndGoOn],
  j: ["key_next", () => step(1)],
  k: ["key_previous", () => step(-1)],
  c: ["key_check", check],
  ArrowDown: ["key_finding", () => toFinding(1)],
  ArrowUp: ["key_finding", () => toFinding(-1)],
  o: ["key_other", takeNextAlternative],
  a: ["key_add", () => byId("add").elements.site.focus()],
  n: ["key_note", () => byId("note").focus()],
  u: ["key_undo", undo],
  "/": ["key_search", () => byId("filters").elements.search.focus()],
  "?": ["key_help", () => byId("help").showModal()],
};
/** The same for the finding in focus; each gets its report, item and index. */
const FINDING_KEYS = {
  Enter: ["key_edit", (report, item, index) => rowAt(index).querySelector("[name=site]").select()],
  l: ["key_left", (report, item, index) => set(report, item, index, "side", data.sides[0])],
  r: ["key_right", (report, item, index) => set(report, item, index, "side", data.sides[1])],
  b: ["key_both", (report, item, index) => set(report, item, index, "side", data.sides[2])],
  m: ["key_no_side", (report, item, index) => set(report, item, index, "side", null)],
  "1": ["key_signal", null],
  "0": ["key_negative", (report, item, index) => item.sequence !== GENERAL && set(report, item, index, "signal", null)],
  v: ["key_certainty", toggleCertainty],
  e: ["key_attributes", (report, item, index) => item.sequence !== GENERAL && openAttributes(index)],
  x: ["key_delete", (report, item, index) => remove(report, index)],
};
const SHOWN_KEYS = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", "1": "1–9" };

function set(report, item, index, name, value) {
  if (item[name] !== value) state(report, corrected(item, name, value), index);
}

function toggleCertainty(report, item, index) {
  if (item.sequence === GENERAL) return;
  const items = [...itemsOf(report)];
  items[index] = amended(item, "certainty", item.more.certainty ? undefined : data.certainties[1]);
  change(report, { items });
}

/** To the next finding of the table, from the first on. */
function toFinding(direction) {
  const rows = [...document.querySelectorAll("[data-item]")];
  const at = rows.indexOf(document.activeElement.closest("[data-item]"));
  rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + direction))]?.focus();
}

function check() {
  if (current) change(current, { checked: !current.made.checked });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || byId("help").open) return;
  const { target, key } = event;
  if (target.matches("input:not([type=checkbox]), select, textarea")) {
    if (key !== "Escape") return;
    event.preventDefault(); // a field of a search would be emptied
    const row = target.closest("[data-item], [data-attributes]");
    target.blur();
    if (row) rowAt(row.dataset.item ?? row.dataset.attributes)?.focus();
    return;
  }
  if (!current) return;
  const act = findingAction(target, key) ?? (isPressed(target, key) ? undefined : KEYS[key]?.[1]);
  if (!act) return;
  event.preventDefault();
  act();
}

/** Whether the key presses what has the focus: a button, a link, a picture. */
function isPressed(target, key) {
  return key === " " && target.matches("button, summary, [role=button], [type=checkbox]");
}

function findingAction(target, key) {
  if (!target.matches("[data-item]")) return undefined;
  const index = Number(target.dataset.item);
  const item = itemsOf(current)[index];
  if (/^[1-9]$/.test(key)) {
    const signal = signalsOn(item.sequence)[Number(key) - 1];
    return signal && (() => set(current, item, index, "signal", signal));
  }
  const act = FINDING_KEYS[key]?.[1];
  return act && (() => act(current, item, index));
}

/** The list of keys; keys that do the same stand in one line. */
function drawKeys() {
  const lines = new Map();
  for (const [key, [label]] of [...Object.entries(KEYS), ...Object.entries(FINDING_KEYS), ["Esc", ["key_leave"]]]) {
    lines.set(label, [...(lines.get(label) ?? []), SHOWN_KEYS[key] ?? key]);
  }
  byId("keys").replaceChildren(...[...lines].flatMap(([label, names]) => [
    make("dt", {}, ...names.map((text) => make("kbd", { text }))), make("dd", { text: say(label) })]));
}
