function clip(section) {
  const data = JSON.parse(section.querySelector(".clip-data").textContent);
  const find = (selector) => section.querySelector(selector);
  const all = (selector) => [...section.querySelectorAll(selector)];
  const keys = Object.fromEntries(data.keys.map((entry) => [entry.key, entry]));
  const range = find(".frame-range"), stage = find(".stage"), divide = find(".divide"), inset = find(".inset");
  const picks = Object.fromEntries(all(".pick").map((select) => [select.dataset.side, select]));
  const buttons = all(".film button");
  const spot = { ...data.magnifier };
  const jump = (name, x) => {
    const key = name === "time" ? "t_s" : "index";
    let best = 0;
    data.frames.forEach((frame, n) => { if (Math.abs(frame[key] - x) < Math.abs(data.frames[best][key] - x)) best = n; });
    show(best);
  };
  const charts = all("figure.chart").map((figure) => chart(figure, jump));
  const every = data.frames.flatMap((frame) => Object.values(frame.psnr)).filter((value) => value !== null);
  const [low, high] = [Math.min(...every), Math.max(...every)];
  let now = data.start;

  function scores(frame) {
    const body = find(".scores tbody");
    if (!body) return;
    body.replaceChildren(...data.keys.filter((entry) => entry.key in frame.psnr).map((entry) => {
      const row = make("tr", `ink-${entry.ink}`);
      row.classList.toggle("chosen", [picks.left.value, picks.right.value].includes(entry.key));
      const value = frame.psnr[entry.key], before = frame.psnr.blurry;
      const gain = entry.key === "blurry" || value === null || before === null ? "" : minus((value >= before ? "+" : "") + (value - before).toFixed(2));
      const track = make("td", "track");
      const dot = make("i");
      dot.style.left = `${value === null ? 0 : 100 * (value - low) / ((high - low) || 1)}%`;
      track.append(dot);
      const head = make("th", "", entry.label.split(" (")[0]);
      head.scope = "row";
      row.append(head, track, make("td", "", value === null ? "–" : value.toFixed(2)), make("td", gain.startsWith("−") ? "loss" : "gain", gain));
      return row;
    }));
  }

  function words(frame) {
    find(".frame-name").textContent = `Frame ${frame.index}`;
    find(".frame-time").textContent = frame.t_s === null ? "" : `at ${frame.t_s.toFixed(3)} s`;
    find(".why").textContent = frame.why;
    find(".labeller").textContent = frame.selected ? "selected" : "not selected";
    find(".sharpness").textContent = `${frame.sharpness.toFixed(1)} (threshold ${data.threshold.toFixed(1)})`;
    if (find(".oracle")) {
      find(".oracle").textContent = frame.oracle;
      find(".oracle").className = `oracle class-key class-${frame.oracle}`;
    }
    if (find(".extent")) find(".extent").textContent = frame.extent_px === null ? "–" : `${frame.extent_px.toFixed(1)} px`;
    range.setAttribute("aria-valuetext", `frame ${frame.index}, ${frame.why}`);
    scores(frame);
  }

  function magnify() {
    const half = spot.size / 2;
    spot.x = clamp(spot.x, half, data.width - half);
    spot.y = clamp(spot.y, half, data.height - half);
    const box = find(".magnifier-box");
    box.style.left = `${100 * (spot.x - half) / data.width}%`;
    box.style.top = `${100 * (spot.y - half) / data.height}%`;
    box.style.width = `${100 * spot.size / data.width}%`;
    box.style.height = `${100 * spot.size / data.height}%`;
    all(".crop").forEach((crop) => {
      crop.style.backgroundSize = `${100 * data.width / spot.size}% auto`;
      crop.style.backgroundPosition = `${100 * (spot.x - half) / Math.max(1, data.width - spot.size)}% ${100 * (spot.y - half) / Math.max(1, data.height - spot.size)}%`;
    });
  }

  function show(n) {
    now = clamp(n, 0, data.frames.length - 1);
    const frame = data.frames[now];
    range.value = now;
    for (const side of ["left", "right"]) {
      const entry = keys[picks[side].value];
      const image = find(`.picture.${side}`);
      image.src = frame.pictures[entry.key];
      image.alt = `Frame ${frame.index}, ${entry.label}`;
      const value = frame.psnr[entry.key];
      find(`.tag.${side}`).textContent = entry.label + (value === undefined || value === null ? "" : ` · ${value.toFixed(2)} dB`);
    }
    all(".crop").forEach((crop, place) => {
      const key = data.keys[place].key;
      const value = frame.psnr[key];
      crop.style.backgroundImage = `url("${frame.pictures[key]}")`;
      crop.parentElement.querySelector("b").textContent = value === undefined || value === null ? "" : `${value.toFixed(2)} dB`;
    });
    if (inset) {
      inset.querySelector(".hand").setAttribute("d", frame.hand);
      inset.querySelector(".residual").setAttribute("d", frame.residual);
      inset.querySelector(".outline").setAttribute("class", `outline class-${frame.oracle}`);
    }
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === now)));
    words(frame);
    charts.forEach((one) => { one.show(frame); one.choose([picks.left.value, picks.right.value]); });
  }

  function split(share) {
    const percent = Math.round(clamp(share, 0, 100) * 10) / 10;
    stage.style.setProperty("--split", `${percent}%`);
    divide.setAttribute("aria-valuenow", String(Math.round(percent)));
    divide.setAttribute("aria-valuetext", `${Math.round(percent)}% ${keys[picks.left.value].label}`);
  }

  range.addEventListener("input", () => show(Number(range.value)));
  buttons.forEach((button, place) => {
    button.querySelector(".thumb").style.backgroundImage = `url("${data.frames[place].pictures.blurry}")`;
    button.addEventListener("click", () => show(place));
  });
  Object.values(picks).forEach((select) => select.addEventListener("change", () => show(now)));
  find(".swap").addEventListener("click", () => {
    [picks.left.value, picks.right.value] = [picks.right.value, picks.left.value];
    show(now);
  });
  divide.addEventListener("keydown", (event) => {
    const at = Number(divide.getAttribute("aria-valuenow"));
    const to = { ArrowLeft: at - 2, ArrowDown: at - 2, ArrowRight: at + 2, ArrowUp: at + 2, PageDown: at - 10, PageUp: at + 10, Home: 0, End: 100 }[event.key];
    if (to !== undefined) { split(to); event.preventDefault(); }
  });
  let pressed = null;
  const share = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = { x: event.clientX, y: event.clientY, moved: false };
    try { stage.setPointerCapture(event.pointerId); } catch { /* the pointer is already gone */ }
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pressed) return;
    if (Math.abs(event.clientX - pressed.x) > 3) pressed.moved = true;
    if (pressed.moved) split(100 * share(event).x);
  });
  stage.addEventListener("pointerup", (event) => {
    if (pressed && !pressed.moved && Math.abs(event.clientY - pressed.y) < 6) {
      const at = share(event);
      spot.x = Math.round(at.x * data.width);
      spot.y = Math.round(at.y * data.height);
      magnify();
    }
    pressed = null;
  });
  stage.addEventListener("pointercancel", () => { pressed = null; });
  find(".magnifier").addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round(spot.size / 8));
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!move) return;
    spot.x += move[0];
    spot.y += move[1];
    magnify();
    event.preventDefault();
  });
  split(50);
  magnify();
  show(now);
}

document.querySelectorAll("section.clip").forEach(clip);
