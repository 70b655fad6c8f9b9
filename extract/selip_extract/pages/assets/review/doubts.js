// What is in doubt: the words, and what the other reader states of them

/** Of two items whose words overlap and that differ in one value, the same finding read twice. */
function pairedWith(alternative, items) {
  return items.findIndex((item) => item.more.agreed !== true && overlap(item.more.evidence, alternative.more.evidence)
    && differences(item, alternative).length === 1);
}

function overlap(one, other) {
  return Boolean(one && other) && one.start < other.end && other.start < one.end;
}

/** The words that are disputed, with the reason; where these are not known, the whole passage. */
function doubtfulWords(report) {
  const items = extractedOf(report);
  return doubtsOf(report).flatMap(({ reason, start, end, alternatives }) => {
    const inside = (item) => item.more.evidence && item.more.evidence.start < end && start < item.more.evidence.end;
    const disputed = {
      disagreement: (item) => item.more.agreed === false,
      low_confidence: (item) => item.more.agreed === false || item.more.confidence < 0.5,
      unlisted_site: (item) => item.more.site_text !== undefined,
    }[reason];
    if (!disputed) return [{ reason, start, end }];
    const words = items.filter((item) => inside(item) && disputed(item)).flatMap((item) => {
      const other = alternatives.find((alternative) => pairedWith(alternative, [item]) === 0);
      return rolesOf(reason, other && differences(item, other), item);
    });
    const others = alternatives.flatMap((alternative) => {
      const pair = items[pairedWith(alternative, items)];
      return rolesOf(reason, pair && differences(pair, alternative), alternative);
    });
    const marked = [...words, ...others].map((span) => ({ reason, start: span.start, end: span.end }));
    return marked.length ? marked : [{ reason, start, end }];
  });
}

/** The spans of an item in which the readers differ; of one that only one reader has, its site and its signal. */
function rolesOf(reason, differing, item) {
  const roles = reason === "unlisted_site" ? ["site"] : (differing ?? ["site", "signal", "change", "negation"]);
  const spans = item.more.evidence?.spans ?? [];
  const chosen = spans.filter(({ role }) => roles.includes(role));
  return chosen.length ? chosen : spans;
}

function drawDoubts(report, items) {
  byId("doubts").replaceChildren(...doubtsOf(report).map((doubt) => doubtEntry(report, items, doubt)));
}

function doubtEntry(report, items, { reason, start, end, alternatives }) {
  const words = wordsAt(report, start, end);
  const head = make("p", {}, make("i", { className: reason, text: say("reasons")[reason] }), make("q", { text: words, title: words }));
  const alone = reason !== "disagreement" ? [] : items.filter(({ more: { agreed, evidence } }) =>
    agreed === false && overlap(evidence, { start, end }));
  const unpaired = alone.filter((item) => !alternatives.some((alternative) => items[pairedWith(alternative, items)] === item));
  const lines = unpaired.map((item) => make("p", { className: "alternative" }, make("span", { text: say("only_one_reader") }),
    make("b", { text: described(item) })));
  return make("li", {}, head, ...lines, ...alternatives.map((alternative) => alternativeLine(report, items, alternative)));
}

function alternativeLine(report, items, alternative) {
  const taken = items.some((item) => sameStatement(item, alternative));
  const pair = items[pairedWith(alternative, items)];
  const line = make("p", { className: "alternative" }, make("span", { text: `${say("other_reader")} ` }),
    make("b", { text: described(alternative) }));
  if (taken) line.append(make("i", { className: "checked", text: ` ✓ ${say("taken")}` }));
  else {
    const use = make("button", { type: "button", text: pair ? say("instead_of", described(pair)) : say("take") });
    use.addEventListener("click", () => takeAlternative(report, alternative));
    line.append(use);
  }
  return line;
}

/** Put what the other reader states in the place of what was kept, or beside it. */
function takeAlternative(report, alternative) {
  const items = itemsOf(report);
  const at = pairedWith(alternative, items);
  state(report, alternative, at < 0 ? items.length : at);
}

function takeNextAlternative() {
  const items = itemsOf(current);
  const next = doubtsOf(current).flatMap(({ alternatives }) => alternatives)
    .find((alternative) => !items.some((item) => sameStatement(item, alternative)));
  if (next) takeAlternative(current, next);
  else tell(say("no_alternative"));
}
