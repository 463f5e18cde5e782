(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const find = (selector) => document.querySelector(selector);
  const filters = Object.fromEntries(all(".filter").map((select) => [select.dataset.filter, select]));
  const section = find("#frames"), views = find(".views"), found = find(".found"), search = find(".search");
  const templates = all(".view-template").map((element) => ({
    element, truth: element.dataset.truth, subset: element.dataset.subset, blocks: JSON.parse(element.dataset.blocks).map(String),
  }));
  const data = all(".view-data");
  const frames = section ? browser(section, JSON.parse(find(".best-data").textContent)) : null;
  const tip = make("div", "head-tip"), choices = new Map();
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let now = null, columns = null;

  const chosen = (name) => filters[name]?.value || "";
  const isIn = (block) => !chosen("block") || block === chosen("block");

  /** Hide what the filters leave out. A family or a part of a name that nothing has is passed over, and that is said. */
  function sift(said = "") {
    const table = find(".pinned"), rows = [...table.tBodies[1].rows], lines = said ? [said] : [];
    const ofBlock = rows.filter((row) => isIn(row.dataset.block));
    if (chosen("family") && !all("tr", table).some((row) => isIn(row.dataset.block) && row.dataset.family === chosen("family"))) {
      lines.push(`Nothing here is of the family “${chosen("family")}”, so all families are shown.`);
      filters.family.value = "";
    }
    const ofFamily = ofBlock.filter((row) => !chosen("family") || row.dataset.family === chosen("family"));
    const part = search.value.trim().toLowerCase();
    const named = ofFamily.filter((row) => row.dataset.method.toLowerCase().includes(part));
    if (part && !named.length) lines.push(`No method is called “${search.value.trim()}”, so all are shown.`);
    const shown = new Set(named.length ? named : ofFamily);
    rows.forEach((row) => { row.hidden = !shown.has(row); });
    const references = [...table.tBodies[0].rows];
    references.forEach((row) => { row.hidden = !isIn(row.dataset.block); });
    table.classList.toggle("few-references", references.filter((row) => !row.hidden).length <= 3);
    const overall = find(".overall"), isAll = Boolean(overall) && !chosen("block");
    all(".of-block").forEach((part) => { part.hidden = isAll || !isIn(part.dataset.block); });
    if (overall) overall.hidden = !isAll;
    if (shown.size < rows.length) lines.unshift(`${shown.size} of ${rows.length} rows.`);
    found.textContent = lines.join(" ");
    find(".legend-tied").hidden = ![...table.rows].some((row) => !row.hidden && row.classList.contains("tied"));
    columns.show();
    if (frames) frames.offer((values) => isIn(values.block));
  }

  function start(within) {
    all("table.board", within).forEach(sortable);
    const jump = (values, n) => {
      if (frames) frames.openNamed(values.dataset, values.split, values.names[n]);
      else find(`section.clip[data-name="${CSS.escape(values.names[n])}"]`)?.scrollIntoView();
    };
    all("figure.heat", within).forEach((figure) => heatMap(figure, jump));
    all("figure.chart:not(.heat)", within).forEach((figure) => {
      const values = JSON.parse(figure.dataset.values);
      chart(figure, (name, x, n) => { if (values.names) jump(values, n); });
    });
    all(".paint", within).forEach((button) => button.addEventListener("click", () => {
      found.textContent = choosePaint(button.closest("tr").dataset.method);
      if (frames) frames.repaint();
    }));
  }

  /** Show the table that the filters ask for; what does not go with the one that changed last moves, which is said. */
  function lay(changed = "") {
    const wanted = { truth: chosen("truth") || templates[now].truth, subset: chosen("subset") || templates[now].subset, block: chosen("block") };
    const agrees = (one, name) => name === "block" ? !wanted.block || one.blocks.includes(wanted.block) : one[name] === wanted[name];
    const score = (one) => ["block", "subset", "truth"].reduce((sum, name, n) => sum + (agrees(one, name) ? (name === changed ? 8 : 4 >> n) : 0), 0);
    const best = templates.reduce((a, b) => score(b) > score(a) ? b : a);
    const moved = [];
    for (const name of ["truth", "subset"]) {
      if (!filters[name]) continue;
      filters[name].value = best[name];
      if (best[name] !== wanted[name]) moved.push(`${filters[name].closest("label").querySelector("span").textContent}: ${filters[name].selectedOptions[0].textContent}`);
    }
    if (wanted.block && !best.blocks.includes(wanted.block)) {
      filters.block.value = best.blocks[0];
      moved.push(`Dataset: ${filters.block.selectedOptions[0].textContent}`);
    }
    now = templates.indexOf(best);
    const fresh = best.element.content.cloneNode(true);
    find(".verdicts").replaceChildren(fresh.querySelector(".verdict"));
    views.replaceChildren(fresh.querySelector(".view"));
    start(views);
    const table = find(".pinned");
    const varied = { dataset: 0, data: 0, split: 0 };
    columns = boardColumns(table, find(".chooser"), choices, (key) => !(key in varied && chosen("block")));
    headWords(table, tip);
    repaint();
    all("#extent .of-truth").forEach((part) => { part.hidden = part.dataset.truth !== best.truth; });
    if (frames) frames.truth(best.truth);
    sift(moved.length ? `Not every combination was scored, so this was chosen, too: ${moved.join("; ")}.` : "");
  }

  /** Open the list that a link leads to. */
  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
  }

  addEventListener("hashchange", unfold);
  all("#extent, #papers").forEach(start);
  if (views) {
    Object.assign(paint, JSON.parse(find(".paint-data").textContent));
    paint.queue = [...paint.chosen].reverse();
    now = Number(views.dataset.first);
    for (const name of ["truth", "subset"]) if (filters[name]) filters[name].value = templates[now][name];
    if (filters.block) filters.block.value = views.dataset.start;
    for (const name of ["block", "truth", "subset"]) filters[name]?.addEventListener("change", () => lay(name));
    filters.family?.addEventListener("change", () => sift());
    search.addEventListener("input", () => sift());
    find(".filters").addEventListener("submit", (event) => event.preventDefault());
    all("[data-download]").forEach((button) => button.addEventListener("click", () => {
      const kind = button.dataset.download, held = JSON.parse(data[now].textContent);
      const name = [views.dataset.slug, templates[now].subset, templates[now].truth].join("-").replace(/[^\w.-]+/g, "_");
      if (kind === "csv") download(`${name}.csv`, "text/csv", held.csv);
      else download(`${name}.json`, "application/json", JSON.stringify(held.json, null, 1));
    }));
    addEventListener("resize", () => columns.show());
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") find(".chooser").open = false; });
    lay();
  }
  unfold();
})();
