"use strict";
const minus = (text) => text.replace(/^[-+](?=[0.]+$)/, "").replace("-", "−");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

function theme(button) {
  const names = { auto: "as the system", light: "on white", dark: "on black" };
  const order = Object.keys(names);
  let now = "auto";
  const show = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    const word = now[0].toUpperCase() + now.slice(1);
    button.querySelector("span").textContent = word;
    button.setAttribute("aria-label", `${word}: colours ${names[now]}`);
  };
  try { now = localStorage.getItem("hvdbench-theme") || "auto"; } catch { /* no storage for this page: begin anew */ }
  if (!(now in names)) now = "auto";
  show();
  button.addEventListener("click", () => {
    now = order[(order.indexOf(now) + 1) % order.length];
    try { localStorage.setItem("hvdbench-theme", now); } catch { /* the choice holds for this view only */ }
    show();
  });
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.number === undefined ? null : Number(cell.dataset.number);
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const isNumber = head.classList.contains("number");
    const before = head.getAttribute("aria-sort");
    const lowFirst = isNumber && head.textContent.trim().endsWith("↓");
    const first = isNumber && !lowFirst ? "descending" : "ascending";
    const way = before === null ? first : before === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    const order = (a, b) => {
      if (!isNumber) return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", { numeric: true });
      const [x, y] = [value(a, column), value(b, column)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y);
    };
    for (const body of table.tBodies) body.append(...[...body.rows].sort(order));
  }));
}

function named(values, n) {
  const x = values.x[n];
  if (values.names) return values.names[n];
  return values.x_name === "time" ? `${x.toFixed(3)} s` : values.x_name === "frame" ? `Frame ${x}` : `${values.x_name}: ${x.toFixed(1)} px`;
}

function chart(figure, jump) {
  const values = JSON.parse(figure.dataset.values);
  const plot = figure.querySelector(".plot");
  const tip = figure.querySelector(".tip");
  const drawings = [...plot.querySelectorAll("svg")].map((svg) => {
    const [left, right, top, bottom, low, high] = svg.dataset.plot.split(",").map(Number);
    return { svg, left, right, low, high, width: svg.viewBox.baseVal.width };
  });
  const place = (drawing, x) => drawing.left + (x - drawing.low) / (drawing.high - drawing.low) * (drawing.right - drawing.left);
  const line = (name, x) => drawings.forEach((drawing) => {
    const mark = drawing.svg.querySelector(name);
    mark.setAttribute("visibility", x === null ? "hidden" : "visible");
    if (x === null) return;
    mark.setAttribute("x1", place(drawing, x));
    mark.setAttribute("x2", place(drawing, x));
  });
  const seen = () => drawings.find((drawing) => drawing.svg.getBoundingClientRect().width > 0) || drawings[0];
  let at = null;
  const read = (n) => {
    at = clamp(n, 0, values.x.length - 1);
    const x = values.x[at];
    line(".probe", x);
    tip.replaceChildren(make("b", "", named(values, at)));
    const painted = figure.classList.contains("painted");
    const shown = values.series.map((series) => ({ ...series, ink: painted ? inkOf(series.key, series.ink) : series.ink }));
    const told = painted ? shown.filter((series) => series.ink !== "other") : shown;
    for (const series of told.length ? told : shown.slice(0, 8)) {
      const row = make("span", `ink-${series.ink}`);
      const number = series.values[at];
      row.append(make("i"), make("span", "", series.label), make("b", "", number === null ? "–" : `${minus(number.toFixed(values.digits))}${{ dB: " dB", "°": "°", "%": " %" }[values.unit] || ""}`));
      tip.append(row);
    }
    tip.hidden = false;
    const drawing = seen();
    const share = place(drawing, x) / drawing.width;
    tip.style.left = share > 0.5 ? "auto" : `calc(${100 * share}% + 12px)`;
    tip.style.right = share > 0.5 ? `calc(${100 - 100 * share}% + 12px)` : "auto";
  };
  const rest = () => { line(".probe", null); tip.hidden = true; at = null; };
  const nearest = (event) => {
    const drawing = seen();
    const box = drawing.svg.getBoundingClientRect();
    const unit = (event.clientX - box.left) / box.width * drawing.width;
    const x = drawing.low + (unit - drawing.left) / (drawing.right - drawing.left) * (drawing.high - drawing.low);
    let best = 0;
    values.x.forEach((other, n) => { if (Math.abs(other - x) < Math.abs(values.x[best] - x)) best = n; });
    return best;
  };
  plot.addEventListener("pointermove", (event) => read(nearest(event)));
  plot.addEventListener("pointerleave", rest);
  plot.addEventListener("blur", rest);
  plot.addEventListener("focus", () => { if (plot.matches(":focus-visible")) read(at ?? cursor ?? 0); });
  plot.addEventListener("click", (event) => { const n = nearest(event); jump(values.x_name, values.x[n], n); });
  plot.addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round(values.x.length / 120));
    const last = values.x.length - 1;
    const to = { ArrowLeft: (at ?? 0) - step, ArrowRight: (at ?? -step) + step, Home: 0, End: last }[event.key];
    if (to !== undefined) { read(to); event.preventDefault(); }
    if (event.key === "Escape") rest();
    if (event.key === "Enter" && at !== null) jump(values.x_name, values.x[at], at);
  });
  let cursor = null;
  return {
    show(frame) {
      const x = values.x_name === "time" ? frame.t_s : frame.index;
      cursor = values.x.findIndex((other) => other >= x - 1e-9);
      line(".cursor", x);
    },
    choose(keys) {
      const known = values.series.some((series) => keys.includes(series.key));
      figure.querySelectorAll(".series").forEach((series) => series.classList.toggle("faint", known && !keys.includes(series.dataset.key)));
    },
  };
}

document.documentElement.classList.add("script");
theme(document.querySelector(".theme"));
