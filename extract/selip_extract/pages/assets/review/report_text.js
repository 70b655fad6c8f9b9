// The text of a report, with the words that findings rest on and those in doubt

function drawReport() {
  const report = current;
  const items = itemsOf(report);
  byId("report").hidden = false;
  byId("report-id").textContent = report.id;
  byId("checked").checked = Boolean(report.made.checked);
  byId("reasons").replaceChildren(...reasonMarks(report));
  byId("signature").textContent = [report.made.checked_by, report.made.checked_at?.slice(0, 16).replace("T", " ")].filter(Boolean).join(" · ");
  byId("note").value = report.made.note ?? "";
  byId("text").replaceChildren(...passages(report, items));
  const used = sequences.filter((sequence) => items.some((item) => item.sequence === sequence));
  byId("legend").replaceChildren(...used.map(sequenceMark));
  drawDoubts(report, items);
  drawTable(report, items, used);
}

/** The text in passages, cut where a highlighted span begins or ends; each passage knows the findings that cite it. */
function passages(report, items) {
  const spans = items.flatMap(({ more: { evidence } }, index) =>
    !evidence ? [] : (evidence.spans?.length ? evidence.spans : [evidence]).map(({ start, end }) => ({ start, end, index })));
  const doubts = doubtfulWords(report);
  const cuts = new Set([0, charactersOf(report).length]);
  for (const { start, end } of [...spans, ...doubts]) cuts.add(start).add(end);
  const offsets = [...cuts].sort((one, other) => one - other);
  return offsets.slice(0, -1).map((start, at) => {
    const end = offsets[at + 1];
    const covers = (span) => span.start <= start && end <= span.end;
    const text = wordsAt(report, start, end);
    const citing = [...new Set(spans.filter(covers).map(({ index }) => index))];
    const reasons = new Set(doubts.filter(covers).map(({ reason }) => reason));
    if (!citing.length && !reasons.size) return document.createTextNode(text);
    const mark = make(citing.length ? "mark" : "span", { text, data: { items: citing.join(" ") } });
    if (reasons.size) {
      mark.classList.add("doubt", ...reasons);
      mark.title = [...reasons].map((reason) => say("reasons")[reason]).join(", ");
    }
    colour(mark, sequences.filter((sequence) => citing.some((index) => items[index].sequence === sequence)));
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

function sequenceMark(sequence) {
  return make("span", { className: "sequence", data: { sequence }, text: sequenceName(sequence) });
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
