// One report: its text beside its findings, which can be corrected

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

/** The text in passages, cut where a highlighted span begins or ends; each passage knows the findings that cite it. */
function passages(report) {
  const spans = report.items.flatMap(({ more: { evidence } }, index) =>
    !evidence ? [] : (evidence.spans ?? [evidence]).map(({ start, end }) => ({ start, end, index })));
  const cuts = new Set([0, report.characters.length]);
  for (const { start, end } of [...spans, ...report.review]) cuts.add(start).add(end);
  const offsets = [...cuts].sort((one, other) => one - other);
  return offsets.slice(0, -1).map((start, at) => {
    const end = offsets[at + 1];
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

function furtherWords({ site, more: { site_text: words, morphology, count, size_mm: size, margin, lesion, certainty } }) {
  const name = language === "en" && english[site];
  const extent = size && `${size.join("×")} mm`;
  return [words, name, morphology, count, extent, margin, lesion, certainty].filter(Boolean).join(" · ");
}

function option(value, text, selected = false) {
  return make("option", { value, text, selected });
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

/** Whether it is a site of the vocabulary; 未列部位 needs the report's words, which only an extractor gives. */
function canBeChosen(site) {
  return siteByName.has(site) && site !== data.unlisted;
}

function edit(report, index, name, control) {
  const value = valueOf(control);
  if (name === "site" && !canBeChosen(value)) tell(say("unknown_site") + (value ?? ""));
  else if (state(report, corrected(report.items[index], name, value), index)) {
    return document.querySelector(`[data-item="${index}"] [name="${name}"]`)?.focus();
  }
  drawReport();
}

function addFinding(form) {
  const said = (name) => valueOf(form.elements[name]);
  const [sequence, side, site, signal] = ["sequence", "side", "site", "signal"].map(said);
  if (!canBeChosen(site)) return tell(say("unknown_site") + site);
  if (state(current, { sequence, side, site, signal, more: {} })) form.elements.site.value = "";
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
