const MOST_ZOOM = 16, SHARP_PIXELS_FROM = 3;

/** Show the frames of one clip at a time; every pane has the same part of the picture. */
function browser(section, best) {
  const find = (selector) => section.querySelector(selector);
  const all = (selector) => [...section.querySelectorAll(selector)];
  const panes = find(".panes"), range = find(".frame-range"), clipPick = find(".clip-pick"), said = find(".said");
  const picks = { left: find(".pick[data-side=left]"), right: find(".pick[data-side=right]") };
  const sources = all(".clip-data"), curves = all(".clip-curves");
  const view = { scale: 1, x: 0, y: 0, split: 50 };
  let data = null, keys = {}, now = 0, mode = "slider", truth = "", charts = [], absent = new Set();

  const truthKey = () => data.truths[truth] || Object.values(data.truths)[0];
  const shownTruth = () => truth in data.psnr ? truth : Object.keys(data.psnr)[0];
  const link = (key, n) => keys[key].folder === null ? null : keys[key].folder + encodeURIComponent((keys[key].names || data.names)[n]);

  /** Load the lossless file, or where the page holds this frame itself that one; say what is not there. */
  function load(image, key, exact) {
    const own = now === data.embedded ? keys[key].embedded : null, file = link(key, now);
    const wanted = (exact ? [file, own] : [own, file]).filter((one) => one !== null);
    const next = () => {
      const one = wanted.shift();
      if (one === undefined) {
        image.removeAttribute("src");
        image.parentElement.classList.add("absent");
        absent.add(file || keys[key].label);
        tell();
        return;
      }
      if (image.dataset.at === one) return;
      image.dataset.at = one;
      image.src = one;
    };
    image.onerror = () => { delete image.dataset.at; next(); };
    image.onload = () => image.parentElement.classList.remove("absent");
    next();
  }

  function tell() {
    const lines = [];
    if (mode === "error") {
      const gain = Number(find(".gain-pick").value);
      lines.push(truthKey()
        ? `Shown is |picture − ${keys[truthKey()].label}| for each colour, in 8-bit levels as stored, times ${gain}: full brightness is a difference of ${Math.ceil(255 / gain)} levels or more. `
        : "This clip has no truth to compare with: there is no error map. ");
      if (truthKey() && now === data.embedded && all(".panes img").some((image) => (image.dataset.at || "").startsWith("data:"))) lines.push("The files are not beside this page, so the embedded pictures are compared, whose encoding adds errors of its own. ");
    }
    if (absent.size) lines.push(`Not beside this page: ${[...absent].slice(0, 2).join(", ")}${absent.size > 2 ? " …" : ""}; only frame ${data.embedded} is embedded.`);
    said.textContent = lines.join("");
  }

  function layer(key, side) {
    const box = make("div", `layer ${side}`);
    const sheet = make("div", mode === "error" ? "sheet error" : "sheet");
    for (const one of mode === "error" ? [key, truthKey()] : [key]) {
      const image = make("img", "picture");
      image.draggable = false;
      image.dataset.key = one;
      sheet.append(image);
    }
    box.append(sheet);
    return box;
  }

  function build() {
    panes.dataset.mode = mode;
    panes.replaceChildren();
    const pair = [picks.left.value, picks.right.value];
    const error = mode === "error" && !truthKey();
    const groups = error ? [] : mode === "slider" ? [pair] : mode === "all" ? Object.keys(keys).map((key) => [key]) : pair.map((key) => [key]);
    for (const group of groups) {
      const pane = make("div", "pane");
      pane.style.aspectRatio = `${data.width} / ${data.height}`;
      // the right picture lies below, so that the left one can be cut at the divide
      [...group].reverse().forEach((key, place) => pane.append(layer(key, group.length === 1 || place ? "left" : "right")));
      group.forEach((key, place) => {
        const tag = make("span", `tag ${place ? "right" : "left"}`);
        tag.dataset.key = key;
        pane.append(tag);
      });
      if (mode === "slider") pane.append(divide());
      panes.append(pane);
    }
    panes.hidden = error;
    panes.classList.toggle("whole", mode !== "slider");
    show(now);
    place();
    split(view.split);
  }

  function divide() {
    const bar = make("div", "divide");
    Object.assign(bar, { tabIndex: 0 });
    for (const [name, value] of [["role", "slider"], ["aria-label", "Divide between the left and the right picture"], ["aria-valuemin", 0], ["aria-valuemax", 100]]) bar.setAttribute(name, value);
    bar.append(make("span"));
    bar.addEventListener("keydown", (event) => {
      const at = Number(bar.getAttribute("aria-valuenow"));
      const to = { ArrowLeft: at - 2, ArrowDown: at - 2, ArrowRight: at + 2, ArrowUp: at + 2, PageDown: at - 10, PageUp: at + 10, Home: 0, End: 100 }[event.key];
      if (to === undefined) return;
      split(to);
      event.preventDefault();
      event.stopPropagation();
    });
    return bar;
  }

  function split(share) {
    const percent = Math.round(clamp(share, 0, 100) * 10) / 10, bar = find(".divide");
    view.split = percent;
    panes.style.setProperty("--split", `${percent}%`);
    if (!bar) return;
    bar.setAttribute("aria-valuenow", String(Math.round(percent)));
    bar.setAttribute("aria-valuetext", `${Math.round(percent)}% ${keys[picks.left.value].label}`);
  }

  function place() {
    view.scale = clamp(view.scale, 1, MOST_ZOOM);
    view.x = clamp(view.x, 0, 1 - 1 / view.scale);
    view.y = clamp(view.y, 0, 1 - 1 / view.scale);
    panes.style.setProperty("--scale", view.scale);
    panes.style.setProperty("--x", `${-100 * view.x}%`);
    panes.style.setProperty("--y", `${-100 * view.y}%`);
    panes.classList.toggle("zoomed", view.scale > 1);
    panes.classList.toggle("pixels", view.scale >= SHARP_PIXELS_FROM);
    find(".zoom-now").textContent = `${Math.round(10 * view.scale) / 10}×`;
  }

  /** Zoom by a factor about a spot of the pane (shares of its sides). */
  function zoom(factor, spot = { x: 0.5, y: 0.5 }) {
    const to = clamp(view.scale * factor, 1, MOST_ZOOM);
    view.x += spot.x / view.scale - spot.x / to;
    view.y += spot.y / view.scale - spot.y / to;
    view.scale = to;
    place();
  }

  function score(key) {
    const values = (data.psnr[shownTruth()] || {})[key];
    return values ? values[now] : null;
  }

  function show(n) {
    now = clamp(n, 0, data.names.length - 1);
    absent = new Set();
    range.value = now;
    const where = `frame ${now} of ${data.names.length - 1}${data.selected && data.selected[now] ? ", labelled sharp" : ""}`;
    range.setAttribute("aria-valuetext", where);
    all(".panes img").forEach((image) => {
      image.alt = `Frame ${now}, ${keys[image.dataset.key].label}`;
      load(image, image.dataset.key, mode === "error");
    });
    all(".panes .tag").forEach((tag) => {
      const value = score(tag.dataset.key);
      tag.textContent = keys[tag.dataset.key].label + (value === null || value === undefined ? "" : ` · ${value.toFixed(2)} dB`);
    });
    find(".frame-name").textContent = `Frame ${now}`;
    const facts = [`frame ${now} of 0 to ${data.names.length - 1}`, now === data.embedded ? "embedded in this page" : "from the file beside it"];
    if (data.t_s) facts.push(`${data.t_s[now].toFixed(3)} s`);
    if (data.selected) facts.push(data.selected[now] ? "labelled sharp" : "not labelled sharp");
    if (data.oracle) facts.push(`oracle: ${data.oracle[now]}`);
    if (data.extent_px && data.extent_px[now] !== null) facts.push(`blur extent ${data.extent_px[now].toFixed(1)} px`);
    find(".frame-facts").textContent = facts.join(" · ");
    scores();
    charts.forEach((one) => { one.show({ index: now, t_s: data.t_s ? data.t_s[now] : now }); one.choose([picks.left.value, picks.right.value]); });
    tell();
    ahead();
  }

  function ahead() {
    for (const key of new Set(all(".panes img").map((image) => image.dataset.key))) {
      const file = now + 1 < data.names.length ? link(key, now + 1) : null;
      if (file !== null) new Image().src = file;
    }
  }

  function scores() {
    const found = data.psnr[shownTruth()] || {};
    const table = find(".scores");
    table.hidden = !Object.keys(found).length;
    table.caption.textContent = `PSNR of this frame in dB, ${keys[data.truths[shownTruth()]]?.label || `${shownTruth()} truth`}`;
    const every = Object.values(found).flat().filter((value) => value !== null);
    const [low, high] = [Math.min(...every), Math.max(...every)];
    table.tBodies[0].replaceChildren(...data.keys.filter((entry) => entry.key in found).map((entry) => {
      const row = make("tr", `ink-${inkOf(entry.key, entry.ink)}`), value = found[entry.key][now], before = found.blurry ? found.blurry[now] : null;
      row.classList.toggle("chosen", [picks.left.value, picks.right.value].includes(entry.key));
      const head = make("th", "", entry.label), track = make("td", "track"), dot = make("i");
      head.scope = "row";
      dot.style.left = `${value === null ? 0 : 100 * (value - low) / ((high - low) || 1)}%`;
      track.append(dot);
      const gain = entry.key === "blurry" || value === null || before === null ? "" : minus((value >= before ? "+" : "") + (value - before).toFixed(2));
      row.append(head, track, make("td", "", value === null ? "–" : value.toFixed(2)), make("td", gain.startsWith("−") ? "loss" : "gain", gain));
      return row;
    }));
  }

  function marks() {
    const count = data.names.length, space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${count} 10`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (let n = 0; n < count; n++) {
      if (!data.oracle) break;
      const cell = document.createElementNS(space, "rect"), high = { sharp: 2, mild: 3.5, blurry: 5 }[data.oracle[n]];
      for (const [name, value] of [["class", `class-${data.oracle[n]}`], ["x", n + 0.08], ["y", 10 - high], ["width", 0.84], ["height", high]]) cell.setAttribute(name, value);
      svg.append(cell);
    }
    find(".marks").replaceChildren(svg, ...(data.selected || []).flatMap((is, n) => {
      if (!is) return [];
      const dot = make("i");
      dot.style.left = `${100 * (n + 0.5) / count}%`;
      return [dot];
    }));
    find(".marks").style.setProperty("--count", count);
    find(".timeline").style.setProperty("--count", count);
    find(".keys").hidden = !data.selected && !data.oracle;
    find(".class-keys").hidden = !data.oracle;
    all("[data-sharp]").forEach((button) => { button.hidden = !data.selected; });
  }

  function open(n) {
    clipPick.value = n;
    data = JSON.parse(sources[n].textContent);
    keys = Object.fromEntries(data.keys.map((entry) => [entry.key, entry]));
    const before = { left: picks.left.value, right: picks.right.value };
    const methods = data.keys.map((entry) => entry.key).filter((key) => key !== "blurry" && !Object.values(data.truths).includes(key));
    const leader = best[clipPick.options[n].dataset.block];
    const usual = { left: "blurry" in keys ? "blurry" : data.keys[0].key, right: leader in keys ? leader : methods[0] || data.keys[data.keys.length - 1].key };
    for (const side of ["left", "right"]) {
      picks[side].replaceChildren(...data.keys.map((entry) => { const option = make("option", "", entry.label); option.value = entry.key; return option; }));
      picks[side].value = before[side] in keys ? before[side] : usual[side];
    }
    range.max = data.names.length - 1;
    now = data.embedded;
    const chips = [`${data.names.length} frames of ${data.width}×${data.height}`];
    if (data.selected) chips.push(`${data.selected.reduce((sum, one) => sum + one, 0)} labelled sharp`);
    find(".chips").replaceChildren(...chips.map((words) => make("li", "", words)));
    const links = data.keys.filter((entry) => entry.manifest).flatMap((entry) => {
      const anchor = make("a", "", entry.label);
      anchor.href = entry.manifest;
      return [" · ", anchor];
    });
    find(".manifests").replaceChildren(...(links.length ? ["run.json of this clip: ", ...links.slice(1)] : []));
    find(".curves").innerHTML = curves[n].textContent;
    charts = all(".curves figure.chart").map((figure) => chart(figure, (name, x) => show(x)));
    repaint();
    marks();
    choose(truth);
    build();
  }

  function choose(name) {
    truth = name;
    const figures = all(".curves .of-truth"), has = figures.some((one) => one.dataset.truth === name);
    figures.forEach((one, n) => { one.hidden = has ? one.dataset.truth !== name : n > 0; });
  }

  function pointers() {
    const held = new Map();
    let start = null;
    const share = (event, pane) => {
      const box = pane.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    panes.addEventListener("pointerdown", (event) => {
      const pane = event.target.closest(".pane");
      if (!pane || event.button !== 0) return;
      held.set(event.pointerId, event);
      const onDivide = Boolean(event.target.closest(".divide"));
      start = { pane, at: share(event, pane), x: view.x, y: view.y, slides: mode === "slider" && (onDivide || view.scale === 1), gap: 0 };
      try { pane.setPointerCapture(event.pointerId); } catch { /* the pointer is already gone */ }
    });
    panes.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId) || !start) return;
      held.set(event.pointerId, event);
      const at = share(event, start.pane);
      if (held.size === 2) {
        const [a, b] = [...held.values()], gap = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        const one = share(a, start.pane), other = share(b, start.pane);
        if (start.gap) zoom(gap / start.gap, { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
        start.gap = gap;
      } else if (start.slides) {
        split(100 * at.x);
      } else {
        view.x = start.x - (at.x - start.at.x) / view.scale;
        view.y = start.y - (at.y - start.at.y) / view.scale;
        place();
      }
    });
    for (const name of ["pointerup", "pointercancel"]) panes.addEventListener(name, (event) => { held.delete(event.pointerId); start = null; });
    panes.addEventListener("dblclick", (event) => {
      const pane = event.target.closest(".pane");
      if (pane) zoom(2, share(event, pane));
    });
    panes.addEventListener("wheel", (event) => {
      const pane = event.target.closest(".pane");
      if (!pane || !event.ctrlKey) return;
      zoom(Math.exp(-event.deltaY / 200), share(event, pane));
      event.preventDefault();
    }, { passive: false });
  }

  panes.addEventListener("keydown", (event) => {
    const step = 0.15 / view.scale;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") { view.scale = 1; place(); }
    else if (move && view.scale > 1) { view.x += move[0]; view.y += move[1]; place(); }
    else return;
    event.preventDefault();
  });
  all("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
    if (button.dataset.zoom === "fit") { view.scale = 1; place(); } else zoom(button.dataset.zoom === "in" ? 1.5 : 1 / 1.5);
  }));
  all("[data-step]").forEach((button) => button.addEventListener("click", () => show(now + Number(button.dataset.step))));
  all("[data-sharp]").forEach((button) => button.addEventListener("click", () => {
    const way = Number(button.dataset.sharp);
    for (let n = now + way; n >= 0 && n < data.names.length; n += way) if (data.selected[n]) { show(n); return; }
  }));
  all("input[name=mode]").forEach((radio) => radio.addEventListener("change", () => { mode = radio.value; section.dataset.mode = mode; build(); }));
  Object.values(picks).forEach((select) => select.addEventListener("change", build));
  find(".swap").addEventListener("click", () => { [picks.left.value, picks.right.value] = [picks.right.value, picks.left.value]; build(); });
  find(".gain-pick").addEventListener("change", () => { panes.style.setProperty("--gain", find(".gain-pick").value); tell(); });
  range.addEventListener("input", () => show(Number(range.value)));
  clipPick.addEventListener("change", () => open(Number(clipPick.value)));
  pointers();
  panes.style.setProperty("--gain", find(".gain-pick").value);
  section.dataset.mode = mode;
  open(0);
  return {
    /** Open a clip by name. */
    openNamed(dataset, part, name) {
      const option = [...clipPick.options].find((one) => one.dataset.dataset === dataset && one.dataset.split === part && one.textContent.split("/").pop() === name);
      if (!option) return;
      open(Number(option.value));
      section.scrollIntoView();
    },
    /** Colour the methods anew. */
    repaint() { scores(); },
    /** Take the truth that the page is filtered by. */
    truth(name) { choose(name); if (data) { build(); } },
    /** Offer the clips that a filter leaves. */
    offer(allows) {
      const options = [...clipPick.options];
      options.forEach((option) => { option.hidden = option.disabled = !allows(option.dataset); });
      const left = options.filter((option) => !option.disabled);
      if (left.length && clipPick.selectedOptions[0]?.disabled !== false) open(Number(left[0].value));
      section.hidden = !left.length;
    },
  };
}
