// Tables as 'avianvox classify' writes them: the same columns, so that its other commands read them.

export function tableOf(results, by, page) {
  const header = page.columns.map(([name]) => name);
  return [header, ...results.flatMap((result) => rowsOf(result, by, page))].map(csvLine).join("");
}

function rowsOf(result, by, page) {
  if (!result.found) return [];
  const { status, header_s, decoded_s, message } = result.found;
  const file = { path: result.name, status, header_s, decoded_s, message };
  const named = ({ label, score, decision }) => ({
    scientific_name: page.labels[label],
    common_name: page.common_names[label] ?? "",
    score,
    decision,
  });
  const list = {
    event: () => result.events.map((event) => ({ begin_s: event.begin_s, end_s: event.end_s, ...named(event) })),
    window: () => result.windows.flatMap((w) => w.best.map((one, i) => ({ begin_s: w.begin_s, end_s: w.end_s, rank: i + 1, ...named(one) }))),
    recording: () => result.found.best.map((one, i) => ({ rank: i + 1, ...named(one) })),
  }[by]();
  return (list.length ? list : [{}]).map((row) => cells({ ...file, ...row }, page.columns));
}

function cells(row, columns) {
  return columns.map(([name, decimals]) => {
    const value = row[name];
    if (value === undefined || value === null) return "";
    return decimals === null ? String(value) : value.toFixed(decimals);
  });
}

function csvLine(cells) {
  return cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",") + "\n";
}

export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  document.body.append(link); // some browsers pass over a link that is not in the page
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
