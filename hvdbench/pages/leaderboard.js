(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const filters = Object.fromEntries(all(".filter").map((select) => [select.dataset.filter, select]));
  const section = document.querySelector("#frames"), views = document.querySelector(".views");
  const templates = all(".view-template");
  const frames = section ? browser(section) : null;
  const chosen = (name) => filters[name]?.value || "";
  const allows = (values) => ["protocol", "dataset", "split"].every((name) => !chosen(name) || values[name] === undefined || values[name] === chosen(name));

  /** Hide what the filters leave out: rows, charts of blocks, clips. */
  function sift() {
    for (const table of all("table.board")) {
      const rows = [...table.tBodies[0].rows];
      rows.forEach((row) => { row.hidden = !allows(row.dataset); });
      const none = rows.every((row) => row.hidden), wrap = table.closest(".table-wrap");
      wrap.hidden = none;
      const words = wrap.parentElement.querySelector(".hint.none");
      if (words) words.hidden = !none;
    }
    all(".of-block").forEach((part) => { part.hidden = !allows(part.dataset); });
    if (frames) frames.offer((values) => allows({ dataset: values.dataset, split: values.split }));
  }

  function start(within) {
    all("table.board", within).forEach(sortable);
    all("figure.chart", within).forEach((figure) => {
      const values = JSON.parse(figure.dataset.values);
      chart(figure, (name, x, n) => {
        if (!values.names) return;
        if (frames) frames.openNamed(values.dataset, values.split, values.names[n]);
        else document.querySelector(`section.clip[data-name="${CSS.escape(values.names[n])}"]`)?.scrollIntoView();
      });
    });
  }

  /** Show the table of the chosen truth and frames. */
  function lay() {
    if (!views) return;
    const now = views.querySelector(".view").dataset;
    const truth = chosen("truth") || now.truth, subset = chosen("subset") || now.subset;
    const found = templates.find((one) => one.dataset.truth === truth && one.dataset.subset === subset)
      || templates.find((one) => one.dataset.subset === subset);
    views.replaceChildren(found.content.cloneNode(true));
    start(views);
    const words = filters.truth ? `, ${[...filters.truth.options].find((one) => one.value === found.dataset.truth).textContent} truth` : "";
    document.querySelector(".shown-view").textContent = found.dataset.words + words;
    all("#extent .of-truth").forEach((part) => { part.hidden = part.dataset.truth !== found.dataset.truth; });
    if (frames) frames.truth(found.dataset.truth);
    sift();
  }

  /** Open the list that a link leads to. */
  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
  }

  for (const name of ["truth", "subset"]) {
    if (!filters[name]) continue;
    filters[name].value = views.querySelector(".view").dataset[name];
    filters[name].addEventListener("change", lay);
  }
  for (const name of ["protocol", "dataset", "split"]) filters[name]?.addEventListener("change", sift);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", unfold);
  all("#extent, #papers").forEach(start);
  lay();
  unfold();
})();
