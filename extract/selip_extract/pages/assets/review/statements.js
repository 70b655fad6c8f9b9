// A statement of the annotated format, and the item that the page makes of it

const NEGATIVE = "negative";
const IDENTITY = ["sequence", "side", "site", "signal"];
const OTHER_TEXTS = ["empty", "not_chinese", "not_mri", "not_head"]; // no head MRI: never normal

function itemOf({ modality, side, site, signal, change, ...more }) {
  return { sequence: modality ?? GENERAL, side: side ?? null, site, signal: signal ?? change ?? null, more };
}

function statedOf({ sequence, side, site, signal, more }) {
  if (sequence === GENERAL) return { side, site, change: signal, ...more };
  return { modality: sequence, side, site, ...(signal !== null && { signal }), ...more };
}

/** The line of the annotated format, which names the database and the person besides. */
function annotatedLine(report) {
  const items = itemsOf(report);
  const stated = (fits) => items.filter(fits).map(statedOf);
  const { checked = false, note, checked_by: person, checked_at: at } = report.made;
  return JSON.stringify({
    report_id: report.id,
    findings_text: report.text,
    normal: items.every(({ signal }) => signal === null) && !OTHER_TEXTS.includes(report.status),
    findings: stated(({ sequence, signal }) => sequence !== GENERAL && signal !== null),
    negatives: stated(({ signal }) => signal === null),
    general: stated(({ sequence }) => sequence === GENERAL),
    database: data.fingerprint,
    checked, note, checked_by: person, checked_at: at,
  });
}

function signalsOn(sequence) {
  if (sequence === GENERAL) return data.changes;
  return sequence === "T1CE" ? data.enhancements : data.signals;
}

/** In which of sequence, side, site and signal two items differ. */
function differences(one, other) {
  return IDENTITY.filter((name) => one[name] !== other[name]
    || (name === "site" && one.more.site_text !== other.more.site_text));
}

function sameStatement(one, other) {
  return differences(one, other).length === 0;
}

/** The item with fields in one order, to compare what two computers wrote. */
function canonical(item) {
  const sorted = (_, value) => value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))) : value;
  return JSON.stringify(statedOf(item), sorted);
}

function siteWords({ site, more: { site_text: words } }) {
  return words ?? (language === "en" ? english[site] : site);
}

function described(item) {
  const signal = item.signal === null ? say(NEGATIVE) : valueName(item.signal);
  return [sequenceName(item.sequence), item.side && valueName(item.side), siteWords(item), signal].filter(Boolean).join(" ");
}
