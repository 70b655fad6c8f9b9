// Corrections as a file: exported, and loaded on another computer

function exportCorrections() {
  const lines = reports.filter(isHandled).map(annotatedLine);
  if (!lines.length) return tell(say("nothing_to_export"));
  const link = make("a", { download: `corrections-${[reviewer(), data.fingerprint].filter(Boolean).join("-")}.jsonl` });
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "application/jsonl" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  tell(say("exported") + lines.length);
}

/** Take over what a file says of reports of this page, unless it was changed later here; one step to undo. */
async function loadCorrections(file) {
  const step = [];
  let newer = 0;
  let other = 0;
  for (const text of (await file.text()).split("\n").filter((line) => line.trim())) {
    const line = parsed(text);
    const report = line && reportById.get(line.report_id);
    if (!report || report.text !== line.findings_text) other += 1;
    else if (isHandled(report) && (report.made.checked_at ?? "") >= (line.checked_at ?? "")) newer += 1;
    else {
      step.push([report.id, report.run, report.made]);
      take(report, madeOf(report, line));
    }
  }
  if (step.length) remember(step);
  refreshAll();
  tell([say("loaded", step.length), newer && say("newer_here", newer), other && say("other_reports", other)]
    .filter(Boolean).join(" "));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function madeOf(report, line) {
  const extracted = extractedOf(report).map(canonical);
  const stated = [...line.findings, ...(line.negatives ?? []), ...(line.general ?? [])].map(itemOf);
  const items = stated.map((item) => {
    const at = extracted.indexOf(canonical(item));
    return at < 0 ? item : at;
  });
  const touched = items.length !== extracted.length || new Set([...items, ...extracted.keys()]).size !== extracted.length;
  const { checked = true, note, checked_by, checked_at } = line;
  return { ...(touched && { items }), checked: checked || undefined, note, checked_by, checked_at };
}
