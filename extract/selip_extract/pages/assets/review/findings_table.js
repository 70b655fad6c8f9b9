// The findings of a report as a table in which everything can be edited

const ATTRIBUTES = {
  morphology: textField,
  count: (value) => choice(data.counts, value),
  number: textField,
  size_mm: (value) => textField(NUMBERS.size_mm.write(value)),
  margin: textField,
  lesion: textField,
  certainty: (value) => choice(data.certainties, value ?? data.certainties[0]),
};
/** Attributes that are numbers: read from what was typed (null where it is none), and as they are shown. */
const NUMBERS = {
  number: {
    bad: "bad_number",
    read: (text) => (/^[1-9]\d{0,2}$/.test(text) ? Number(text) : null),
    write: (number) => number ?? "",
  },
  size_mm: {
    bad: "bad_size",
    read: (text) => {
      const lengths = text.replace(/mm$/i, "").split(/[×xX*✕,，\s]+/).filter(Boolean).map(Number);
      return lengths.every((length) => length > 0 && length < 500) ? lengths : null;
    },
    write: (lengths) => lengths?.join("×") ?? "",
  },
};
let opened = null; // the index of the finding whose attributes are being edited
const table = { rows: [], attributes: null, order: "" };

/** Rows are filled anew and not made anew: a click that ends the editing of a field meets its aim. */
function drawTable(report, items, used) {
  const focus = focusedPart();
  items.forEach((item, index) => fillRow((table.rows[index] ??= findingRow(index)), item));
  if (opened === null || !items[opened] || items[opened].sequence === GENERAL) opened = table.attributes = null;
  else if (table.attributes?.dataset.attributes !== String(opened)) table.attributes = attributesRow(report, items[opened], opened);
  const groups = used.map((sequence) => [sequence, [...items.keys()].filter((index) => items[index].sequence === sequence)]);
  const order = JSON.stringify([language, opened, groups]);
  if (order !== table.order || table.attributes?.isConnected === false) arrange(groups);
  table.order = order;
  byId("findings").hidden = items.length === 0;
  byId("none").hidden = items.some((item) => item.signal !== null);
  byId("restore").hidden = !isCorrected(report);
  if (focus && document.activeElement !== focus.element) focusPart(focus);
}

/** Put the rows below the headings of their sequences. */
function arrange(groups) {
  for (const body of [...byId("findings").tBodies]) body.remove();
  for (const [sequence, indices] of groups) {
    const heading = make("tr", { className: "heading" }, make("th", { colSpan: 7 }, sequenceMark(sequence)));
    const rows = indices.flatMap((index) => [table.rows[index], ...(index === opened ? [table.attributes] : [])]);
    byId("findings").append(make("tbody", {}, heading, ...rows));
  }
}

/** Choose the value; the options are made only where the select has others. */
function fillSelect(select, value, kind, made) {
  if (select.dataset.options !== `${language} ${kind}`) select.replaceChildren(...made().children);
  select.dataset.options = `${language} ${kind}`;
  select.value = value;
}

/** Which part of the table has the focus, to give it back where the table is arranged anew. */
function focusedPart() {
  const element = document.activeElement;
  const row = element?.closest("[data-item], [data-attributes]");
  return row && { element, index: Number(row.dataset.item ?? row.dataset.attributes) };
}

function focusPart({ element, index }) {
  if (element.isConnected) element.focus();
  else (rowAt(index) ?? rowAt(index - 1))?.focus();
}

function rowAt(index) {
  return document.querySelector(`[data-item="${index}"]`);
}

/** A row without its values. */
function findingRow(index) {
  const edited = (name, control) => {
    control.name = name;
    control.addEventListener("change", () => edit(current, index, name, control));
    return control;
  };
  const site = make("input");
  site.setAttribute("list", "sites");
  const more = make("button", { type: "button", className: "more", text: "⋯" });
  more.addEventListener("click", () => openAttributes(index));
  const removal = make("button", { type: "button", className: "delete", text: "×" });
  removal.addEventListener("click", () => remove(current, index));
  const [side, signal, sequence] = ["side", "signal", "sequence"].map((name) => edited(name, make("select")));
  const cells = [[edited("site", site), make("small")], [side], [signal], [sequence], [], [make("span")], [more, removal]];
  return make("tr", { tabIndex: 0, data: { item: index } }, ...cells.map((parts) => make("td", {}, ...parts)));
}

function fillRow(row, item) {
  const { confidence, agreed } = item.more;
  const within = (css) => row.querySelector(css);
  within("[name=site]").value = item.site;
  within("small").textContent = furtherWords(item);
  fillSelect(within("[name=side]"), item.side ?? "", "sides", sideSelect);
  fillSelect(within("[name=sequence]"), item.sequence, "sequences", sequenceSelect);
  fillSelect(within("[name=signal]"), item.signal ?? NEGATIVE, item.sequence, () => signalSelect(item.sequence));
  for (const control of row.querySelectorAll("[name]")) control.title = say(control.name);
  row.cells[4].textContent = confidence === undefined ? "" : confidence.toFixed(2);
  Object.assign(within("span"), { textContent: { true: "✓", false: "≠" }[agreed] ?? "", title: say(agreementOf(item)) });
  Object.assign(within(".more"), { title: `${say("attributes")} (e)`, hidden: item.sequence === GENERAL });
  within(".delete").title = `${say("delete")} (x)`;
  row.classList.toggle("negative", item.signal === null);
  row.classList.toggle("unsure", agreed === false);
}

function openAttributes(index) {
  opened = opened === index ? null : index;
  drawReport();
  if (opened !== null) document.querySelector("[data-attributes] [name]")?.focus();
}

function furtherWords({ site, more: { site_text: words, morphology, count, number, size_mm: size, margin, lesion, certainty } }) {
  const extent = size && `${size.join("×")} mm`;
  return [words, inEnglish(site), morphology, count && valueName(count), number && `n = ${number}`, extent, margin, lesion, certainty && valueName(certainty)]
    .filter(Boolean).join(" · ");
}

function attributesRow(report, item, index) {
  const fields = Object.entries(ATTRIBUTES).map(([name, field]) => {
    const control = field(item.more[name]);
    control.name = name;
    control.addEventListener("change", () => amend(report, index, name, control));
    return make("label", {}, make("span", { text: say(name) }), control);
  });
  const cell = make("td", { colSpan: 7 }, make("div", { className: "attributes" }, ...fields));
  return make("tr", { data: { attributes: index } }, cell);
}

function amend(report, index, name, control) {
  const text = control.value.trim();
  let value = text || undefined;
  if (NUMBERS[name] && value) {
    value = NUMBERS[name].read(text);
    if (value === null) {
      tell(say(NUMBERS[name].bad) + text);
      control.value = NUMBERS[name].write(itemsOf(report)[index].more[name]);
      return;
    }
  }
  if (name === "certainty" && value === data.certainties[0]) value = undefined;
  const items = [...itemsOf(report)];
  items[index] = amended(items[index], name, value);
  change(report, { items });
}

function textField(value) {
  return make("input", { value: value ?? "" });
}

function choice(values, value) {
  const none = values === data.certainties ? [] : [option("", "–")];
  return make("select", {}, ...none, ...values.map((name) => option(name, named(name), name === value)));
}

function option(value, text, selected = false) {
  return make("option", { value, text, selected });
}

function sideSelect() {
  return make("select", {}, option("", "–"), ...data.sides.map((name) => option(name, named(name))));
}

function sequenceSelect() {
  return make("select", {}, ...sequences.map((name) => option(name, sequenceName(name))));
}

function signalSelect(sequence) {
  const negative = sequence === GENERAL ? [] : [option(NEGATIVE, say(NEGATIVE))];
  const positive = signalsOn(sequence).map((name) => option(name, named(name)));
  return make("select", {}, ...positive, ...negative);
}

/** What a control says: no side is null, and so is the signal of a negative. */
function valueOf(control) {
  return control.value === "" || control.value === NEGATIVE ? null : control.value.trim();
}

/** The site that is named, in either language; of 未列部位 only words of the report can tell which it is. */
function siteNamed(name) {
  const site = siteByName.get(name) ?? data.sites.find((one) => one.english === name?.toLowerCase());
  return site && site.name !== data.unlisted ? site.name : null;
}

function edit(report, index, name, control) {
  const written = valueOf(control);
  const value = name === "site" ? siteNamed(written) : written;
  if (name === "site" && !value) tell(say("unknown_site") + (written ?? ""));
  else if (state(report, corrected(itemsOf(report)[index], name, value), index)) return;
  drawReport();
}
