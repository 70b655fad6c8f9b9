// The run's reports, and what the extraction found in each of them

const sequences = [...data.modalities, GENERAL];
const siteByName = new Map(data.sites.map((site) => [site.name, site]));
const keys = data.keys.map(([sequence, side, site, signal, agreed]) =>
  ({ sequence, side, site, signal, more: agreed === null ? {} : { agreed } }));
const reports = data.reports.map(([id, text, status, reasons, itsKeys, run = data.run.id, person, at], number) => ({
  id, text, status, run, number, reasons: reasons.map((one) => data.reasons[one]), keys: itsKeys.map((one) => keys[one]),
  made: person ? { checked: true, checked_by: person, checked_at: at } : {},
}));
const reportById = new Map(reports.map((report) => [report.id, report]));
const chunks = [];

/** What is known of a report beyond its text and its keys; parsed with its neighbours when it is first looked at. */
function detailsOf({ number }) {
  const chunk = Math.floor(number / data.reportsInAChunk);
  chunks[chunk] ??= JSON.parse(byId(`details-${chunk}`).textContent);
  return chunks[chunk][number % data.reportsInAChunk];
}

/** The database counts characters, not UTF-16 units. */
function charactersOf(report) {
  return (report.characters ??= Array.from(report.text));
}

function wordsAt(report, start, end) {
  return charactersOf(report).slice(start, end).join("");
}

/** The findings, negatives and general changes as one list of items; always the same objects. */
function extractedOf(report) {
  return (report.extracted ??= detailsOf(report).items.map(({ evidence, ...further }, at) => {
    const { more, ...key } = report.keys[at];
    return { ...key, more: { ...further, ...more, ...(evidence && { evidence: evidenceOf(report, ...evidence) }) } };
  }));
}

function evidenceOf(report, start, end, written) {
  const spans = written.split(" ").filter(Boolean).map((span) => {
    const [, role, from, to] = span.match(/(\w+):(\d+)-(\d+)/);
    return { role, start: Number(from), end: Number(to) };
  });
  return { text: wordsAt(report, start, end), start, end, spans };
}

/** The passages to review, each with what the other reader states there. */
function doubtsOf(report) {
  return (report.doubts ??= detailsOf(report).doubts.map(({ alternatives, ...doubt }) =>
    ({ ...doubt, alternatives: alternatives.map(itemOf) })));
}

/** The words of the text that name a site, a side, a sequence or a signal. */
function tokensOf(report) {
  const numbers = detailsOf(report).tokens;
  return Array.from({ length: numbers.length / 3 }, (_, at) => {
    const [token, start, end] = numbers.slice(3 * at, 3 * at + 3);
    const [kind, value] = data.tokens[token];
    return { kind, value, start, end };
  });
}
