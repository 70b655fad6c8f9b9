// The whole page: its words in the language, its buttons and keys

const KEYS = { "j k": "key_next", c: "key_check", u: "key_undo", "/": "key_search", "?": "key_help", Esc: "key_leave" };

function refresh(report) {
  refreshRow(report);
  drawProgress();
  if (report === current) drawReport();
}

function drawProgress() {
  const checked = reports.filter((report) => report.checked).length;
  const changed = reports.filter(isCorrected).length;
  byId("progress").textContent = `${say("checked")} ${checked} · ${say("corrected")} ${changed}`;
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
  document.title = `${say("title")} – ${data.database}`;
  const filters = byId("filters").elements;
  const signals = [...data.signals, ...data.enhancements, NEGATIVE, ...data.changes];
  fill(filters.status, Object.keys(data.words.en.statuses), (status) => say("statuses")[status]);
  fill(filters.reason, Object.keys(data.words.en.reasons), (reason) => say("reasons")[reason]);
  fill(filters.sequence, sequences, sequenceName);
  fill(filters.signal, signals, (signal) => (signal === NEGATIVE ? say(signal) : named(signal)));
  fill(filters.agreed, ["yes", "no", "one"], say);
  fill(filters.checked, ["checked", "unchecked", "corrected"], say);
  const add = byId("add").elements;
  offer(add.sequence, sequenceSelect());
  offer(add.side, sideSelect());
  offer(add.signal, signalSelect(add.sequence.value));
  const sites = data.sites.map((site) => option(site.name, language === "en" ? site.english : site.name));
  byId("sites").replaceChildren(...sites);
  byId("keys").replaceChildren(...Object.entries(KEYS).flatMap(([key, label]) => [
    make("dt", {}, ...key.split(" ").map((name) => make("kbd", { text: name }))), make("dd", { text: say(label) })]));
  const urgent = data.total > reports.length ? say("most_urgent", reports.length.toLocaleString()) : "";
  byId("source").textContent = sourceLine(urgent);
  if (data.overview) byId("figures").replaceChildren(...overviewPictures(data.overview, filterBy));
  for (const report of reports) refreshRow(report);
  applyFilters();
  drawProgress();
  if (current) drawReport();
}

function check() {
  if (current) change(current, { checked: !current.checked });
}

const ACTIONS = {
  j: () => step(1),
  k: () => step(-1),
  c: check,
  u: undo,
  "/": () => byId("filters").elements.search.focus(),
  "?": () => byId("help").showModal(),
};

function listen() {
  const filters = byId("filters");
  for (const event of ["input", "change"]) filters.addEventListener(event, applyFilters);
  byId("clear").addEventListener("click", () => filterBy({}));
  filters.addEventListener("submit", (event) => event.preventDefault());
  byId("add").addEventListener("submit", (event) => {
    event.preventDefault();
    addFinding(event.target);
  });
  byId("add").elements.sequence.addEventListener("change", ({ target }) =>
    offer(byId("add").elements.signal, signalSelect(target.value)));
  byId("restore").addEventListener("click", () => change(current, { items: current.extracted }));
  byId("checked").addEventListener("change", check);
  byId("undo").addEventListener("click", undo);
  byId("export").addEventListener("click", exportCorrections);
  byId("show-help").addEventListener("click", ACTIONS["?"]);
  speakBoth(speak);
  for (const [begin, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    byId("report").addEventListener(begin, (event) => light(indicesAt(event.target)));
    byId("report").addEventListener(end, () => light([]));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (event.target.matches("input:not([type=checkbox]), select")) {
      if (event.key !== "Escape") return;
      event.preventDefault(); // a field of a search would be emptied
      event.target.blur();
      return;
    }
    if (!ACTIONS[event.key]) return;
    event.preventDefault();
    ACTIONS[event.key]();
  });
}

reports.forEach(makeRow);
byId("overview").open = matchMedia("(min-width: 720px) and (min-height: 700px)").matches;
byId("empty").hidden = reports.length > 0;
for (const part of ["overview", "choose"]) byId(part).hidden = reports.length === 0;
listen();
speak();
if (reports.length) show(reports[0]);
