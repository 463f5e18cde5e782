// What the pages of this folder share: requests, colours, canvases, and the time that a question was in view.

export const $ = (id) => document.getElementById(id);
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Request JSON, or post it; an error is the server's sentence, or what to do where it does not answer. */
export async function ask(path, said, advice) {
  const sent = said === undefined ? { cache: "no-store" }
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said) };
  let reply;
  try {
    reply = await fetch(path, sent);
  } catch {
    throw new Error(`The server does not answer. ${advice}`);
  }
  const found = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(found.error), { status: reply.status });
  return found;
}

/** Measure for how long a question is in view; the time in which the page is hidden does not count. */
export class Stopwatch {
  constructor() {
    this.reset();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && this.since !== null) {
        this.spent += performance.now() - this.since;
        this.since = null;
      } else if (!document.hidden && this.spent > 0) this.since = performance.now();
    });
  }

  reset() {
    this.since = null;
    this.spent = 0;
  }

  start() {
    if (!this.hasRun) this.since = performance.now();
  }

  get hasRun() {
    return this.since !== null || this.spent > 0;
  }

  get seconds() {
    return Math.min(86400, (this.spent + (this.since === null ? 0 : performance.now() - this.since)) / 1000);
  }
}

/** Set a canvas to the size of its box in pixels of the screen; return its context, width, height, and their ratio to CSS px. */
export function fit(canvas, box) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.floor(box.clientWidth * ratio)), height = Math.max(1, Math.floor(box.clientHeight * ratio));
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${width / ratio}px`;
  canvas.style.height = `${height / ratio}px`;
  return [canvas.getContext("2d"), width, height, ratio];
}

export function timeLeft(state) {
  const left = state.total - state.done;
  if (!left || state.median_s === null) return "";
  const minutes = state.median_s * left / 60;
  if (minutes < 1) return " · under a minute left";
  return minutes < 90 ? ` · about ${Math.round(minutes)} min left` : ` · about ${(minutes / 60).toFixed(1)} h left`;
}

/** Let a button choose the colours: as the system, light, dark. */
export function theme(button) {
  const names = { auto: "as the system", light: "light", dark: "dark" }, order = Object.keys(names);
  let now = "auto";
  const show = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    button.setAttribute("aria-label", `Colours: ${names[now]}`);
    button.title = `Colours: ${names[now]}`;
  };
  try { now = localStorage.getItem("hvdbench-theme") || "auto"; } catch { /* no storage: begin anew */ }
  if (!(now in names)) now = "auto";
  show();
  button.addEventListener("click", () => {
    now = order[(order.indexOf(now) + 1) % order.length];
    try { localStorage.setItem("hvdbench-theme", now); } catch { /* it holds for this view only */ }
    show();
  });
}
