// The whole page: its words in the language, its buttons and controls

const REVIEWER = "selip/reviewer";

function refresh(report) {
  refreshRow(report);
  drawProgress();
  if (report === current) drawReport();
}

function refreshAll() {
  for (const report of drawnRows.keys()) refreshRow(report);
  drawProgress();
  if (current) drawReport();
}

function drawProgress() {
  const toReview = reports.filter(isToReview);
  const done = toReview.filter(({ made }) => made.checked).length;
  const checked = reports.filter(({ made }) => made.checked).length;
  const changed = reports.filter(isCorrected).length;
  Object.assign(byId("done"), { max: Math.max(1, toReview.length), value: done });
  byId("progress").textContent = [say("left_of", [toReview.length - done, toReview.length].map(number)),
    `${say("checked")} ${number(checked)}`, `${say("corrected")} ${number(changed)}`].join(" · ");
}

function tell(sentence) {
  const message = byId("message");
  message.textContent = sentence;
  message.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (message.hidden = true), 6000);
}

function fill(select, values, name) {
  const any = option("", `${select.title}: ${say("any")}`);
  offer(select, make("select", {}, any, ...values.map((value) => option(value, name(value)))));
}

/** Give a control the options of another; the value stays where it is one of them. */
function offer(select, other) {
  const chosen = select.value;
  select.replaceChildren(...other.children);
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

function speak() {
  sayLabels();
  table.attributes = null;
  document.title = `${say("title")} – ${data.database}`;
  const filters = byId("filters").elements;
  const signals = [...data.signals, ...data.enhancements, NEGATIVE, ...data.changes];
  fill(filters.status, Object.keys(data.words.en.statuses), (status) => say("statuses")[status]);
  fill(filters.reason, data.reasons, (reason) => say("reasons")[reason]);
  fill(filters.sequence, sequences, sequenceName);
  fill(filters.signal, signals, (signal) => (signal === NEGATIVE ? say(signal) : named(signal)));
  fill(filters.agreed, ["yes", "no", "one"], say);
  fill(filters.checked, ["left", "checked", "unchecked", "corrected", "noted"], say);
  const add = byId("add").elements;
  offer(add.sequence, sequenceSelect());
  offer(add.side, sideSelect());
  offer(add.signal, signalSelect(add.sequence.value));
  const sites = data.sites.map((site) => option(site.name, language === "en" ? site.english : site.name));
  byId("sites").replaceChildren(...sites);
  drawKeys();
  const urgent = data.total > reports.length ? say("most_urgent", reports.length.toLocaleString()) : "";
  byId("source").textContent = sourceLine(urgent);
  if (data.overview) byId("figures").replaceChildren(...overviewPictures(data.overview, filterBy));
  listReports();
  refreshAll();
}

function listen() {
  const filters = byId("filters");
  for (const event of ["input", "change"]) filters.addEventListener(event, applyFilters);
  byId("clear").addEventListener("click", () => filterBy({}));
  filters.addEventListener("submit", (event) => event.preventDefault());
  byId("reports").addEventListener("scroll", drawRows);
  new ResizeObserver(drawRows).observe(byId("reports"));
  byId("add").addEventListener("submit", (event) => {
    event.preventDefault();
    addFinding(event.target);
  });
  byId("add").elements.sequence.addEventListener("change", ({ target }) =>
    offer(byId("add").elements.signal, signalSelect(target.value)));
  byId("text").addEventListener("pointerup", () => setTimeout(takeSelection)); // the browser selects after the event
  byId("restore").addEventListener("click", () => change(current, { items: extractedOf(current) }));
  byId("note").addEventListener("change", ({ target }) => change(current, { note: target.value.trim() || undefined }));
  byId("reviewer").addEventListener("change", () => keepAs(REVIEWER, reviewer() ?? null));
  byId("checked").addEventListener("change", check);
  byId("undo").addEventListener("click", undo);
  byId("export").addEventListener("click", exportCorrections);
  byId("load").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async ({ target }) => {
    for (const file of target.files) await loadCorrections(file);
    target.value = "";
  });
  byId("show-help").addEventListener("click", KEYS["?"][1]);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("go-on").addEventListener("click", checkAndGoOn);
  speakBoth(speak);
  for (const [begin, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    byId("report").addEventListener(begin, (event) => light(indicesAt(event.target)));
    byId("report").addEventListener(end, () => light([]));
  }
  document.addEventListener("keydown", onKey);
}

byId("reviewer").value = kept(REVIEWER) ?? "";
byId("empty").hidden = reports.length > 0;
for (const part of ["overview", "choose", "reading"]) byId(part).hidden = reports.length === 0;
listen();
speak();
if (reports.length) show(reports[0]);
