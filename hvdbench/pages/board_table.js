const paint = { chosen: [], queue: [], preferred: {}, most: 6, slots: {} };

/** Give each chosen method its colour by its name: the one that it prefers, or the next that is free. */
function slotsOf(methods) {
  const found = {}, taken = new Set();
  for (const method of [...methods].filter((name) => name !== "blurry").sort()) {
    let slot = paint.preferred[method] ?? 0;
    while (taken.has(slot)) slot = (slot + 1) % paint.most;
    taken.add(slot);
    found[method] = slot;
  }
  return found;
}

/** Return the colour class of a method; what the board does not have keeps its own. */
function inkOf(key, own) {
  if (key === "blurry") return "blurry";
  if (key in paint.slots) return String(paint.slots[key] + 1);
  return key in paint.preferred ? "other" : own;
}

/** Colour rows, lines and legends as they are chosen. */
function repaint() {
  paint.slots = slotsOf(paint.chosen);
  const dress = (element, key, own) => {
    for (const name of [...element.classList]) if (name.startsWith("ink-")) element.classList.remove(name);
    element.classList.add(`ink-${inkOf(key, own)}`);
  };
  document.querySelectorAll(".pinned tr[data-method]").forEach((row) => {
    dress(row, row.dataset.method, "other");
    row.querySelector(".paint")?.setAttribute("aria-pressed", String(row.dataset.method in paint.slots));
  });
  document.querySelectorAll(".painted").forEach((figure) => {
    const keys = JSON.parse(figure.dataset.values).series.map((series) => series.key);
    figure.querySelectorAll("svg").forEach((svg) => {
      const lines = [...svg.querySelectorAll(".series")];
      lines.forEach((line) => dress(line, line.dataset.key, "other"));
      const coloured = lines.filter((line) => inkOf(line.dataset.key, "other") !== "other");
      if (coloured.length) coloured.forEach((line) => line.parentNode.insertBefore(line, svg.querySelector(".cursor")));
    });
    const samples = ["blurry", ...paint.chosen].filter((key) => keys.includes(key));
    const others = keys.length - samples.length;
    const sample = (ink, key, words) => {
      const item = make("li", `ink-${ink}`), space = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
      item.dataset.key = key;
      svg.setAttribute("viewBox", "0 0 26 8");
      svg.setAttribute("aria-hidden", "true");
      path.setAttribute("class", "line");
      path.setAttribute("d", "M1 4H25");
      svg.append(path);
      item.append(svg, words);
      return item;
    };
    figure.querySelector(".legend").replaceChildren(
      ...samples.map((key) => sample(inkOf(key, "other"), key, key)),
      ...(others ? [sample("other", "", `${others} other method${others > 1 ? "s" : ""}`)] : []),
    );
  });
}

/** Take a method among those coloured, or leave it out; the seventh takes the place of the one chosen longest ago. */
function choosePaint(method) {
  const drop = (name) => {
    paint.chosen = paint.chosen.filter((one) => one !== name);
    paint.queue = paint.queue.filter((one) => one !== name);
  };
  let said = "";
  if (paint.chosen.includes(method)) drop(method);
  else {
    if (paint.chosen.length >= paint.most) {
      const gone = paint.queue[0];
      drop(gone);
      said = `${method} has the colour of ${gone}: charts colour ${paint.most} methods at most.`;
    }
    paint.chosen.push(method);
    paint.queue.push(method);
  }
  repaint();
  return said;
}

/** Choose the columns of a board's table, and make its head stay in sight. */
function boardColumns(table, chooser, choices, isVaried) {
  const heads = [...table.tHead.rows[0].cells], wrap = table.closest(".table-wrap");
  const narrow = matchMedia("(max-width: 640px)");
  const name = (head) => head.dataset.key.replace(/^[^:]*:/, "");
  const isShown = (head) => {
    const usual = head.dataset.when === "always" || (head.dataset.when === "wide" && !narrow.matches);
    return choices.get(name(head)) ?? (usual && isVaried(head.dataset.key));
  };
  function fit() {
    wrap.classList.remove("fits");
    wrap.classList.toggle("fits", table.offsetWidth <= wrap.clientWidth);
    table.style.setProperty("--head", `${table.tHead.offsetHeight}px`);
  }
  function show() {
    const shown = heads.map(isShown);
    for (const row of table.rows) for (let n = 0; n < shown.length; n++) row.cells[n].hidden = !shown[n];
    chooser.querySelectorAll("input").forEach((box, n) => { box.checked = shown[n]; });
    fit();
  }
  chooser.querySelector("fieldset").replaceChildren(make("legend", "visually-hidden", "Columns"), ...heads.map((head) => {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.value = head.dataset.key;
    box.disabled = head.dataset.key === "method";
    box.addEventListener("change", () => { choices.set(name(head), box.checked); show(); });
    label.append(box, head.textContent.trim());
    return label;
  }));
  return { show, fit };
}

/** Show what a column means beside its head, on hover and focus. */
function headWords(table, tip) {
  const hide = () => { tip.hidden = true; };
  table.tHead.querySelectorAll("button[aria-describedby]").forEach((button) => {
    const show = () => {
      tip.textContent = document.getElementById(button.getAttribute("aria-describedby")).textContent;
      tip.hidden = false;
      const head = button.getBoundingClientRect(), own = tip.getBoundingClientRect();
      tip.style.left = `${clamp(head.left, 8, innerWidth - own.width - 8)}px`;
      tip.style.top = `${head.bottom + own.height + 8 > innerHeight ? Math.max(8, head.top - own.height - 6) : head.bottom + 6}px`;
    };
    button.addEventListener("pointerenter", show);
    button.addEventListener("focus", () => { if (button.matches(":focus-visible")) show(); });
    for (const end of ["pointerleave", "blur"]) button.addEventListener(end, hide);
    button.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  });
  addEventListener("scroll", hide, { passive: true, capture: true });
}

/** Hand a text over as a file. */
function download(name, type, text) {
  const anchor = make("a");
  anchor.href = URL.createObjectURL(new Blob([text], { type }));
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
}
