import { $, Stopwatch, ask, clamp, fit, theme, timeLeft } from "./local.js";

const ADVICE = "Ask the person who runs the study to start it again; your votes up to the last are kept.";
const STEP = 48; // px of the picture that Shift and an arrow move
const CLICK_PX = 5; // a pointer that moved further has dragged
const ZOOMS = [0, 1, 2, 4]; // px of the screen for one of the picture; 0 fits it

const stages = [...document.querySelectorAll(".stage")];
const names = ["A", "B"];
const pictures = new Map(); // number of the pair → promise of its picture
const clock = new Stopwatch();
let voter = null;
let state = null; // what the server says: progress and the number of the pair
let shown = null; // {question, bitmap}: A is the left half of the bitmap, B the right one
let saving = false;
let holding = false; // A and B have changed places
let zoom = 0;
let centre = { x: 0, y: 0 }; // of the view, in px of the picture

const url = (what) => `voter/${encodeURIComponent(voter)}/${what}`;

function complain(error) {
  $("trouble").hidden = !error;
  $("trouble").textContent = error ? error.message : "";
}

/* pictures */

function picture(question) {
  let found = pictures.get(question);
  if (!found) {
    found = fetch(url(`pair/${question}`), { cache: "no-store" }).then(async (reply) => {
      if (!reply.ok) throw new Error((await reply.json()).error);
      return createImageBitmap(await reply.blob());
    });
    found.catch(() => pictures.delete(question));
    pictures.set(question, found);
  }
  return found;
}

function forget(kept) {
  for (const [question, promise] of pictures) {
    if (kept.includes(question)) continue;
    pictures.delete(question);
    promise.then((bitmap) => bitmap.close(), () => {});
  }
}

async function show() {
  const question = state.question;
  let bitmap;
  try {
    bitmap = await picture(question);
  } catch (error) {
    complain(error);
    return;
  }
  if (!state || question !== state.question) return; // gone on in the meantime
  shown = { question, bitmap };
  centre = { x: bitmap.width / 4, y: bitmap.height / 2 };
  magnify(0);
  clock.start();
  $("answers").classList.remove("waiting");
  $("work").dataset.shown = question;
  forget([question, ...state.next]);
  state.next.forEach((next) => picture(next).catch(() => {}));
}

/* drawing */

const size = () => ({ width: shown.bitmap.width / 2, height: shown.bitmap.height });

function scaleOf(stage) {
  const { width, height } = size(), ratio = window.devicePixelRatio || 1;
  return zoom || Math.min(stage.clientWidth / width, stage.clientHeight / height) * ratio;
}

function keepInside() {
  const { width, height } = size(), scale = scaleOf(stages[0]), ratio = window.devicePixelRatio || 1;
  const reach = { x: stages[0].clientWidth * ratio / scale / 2, y: stages[0].clientHeight * ratio / scale / 2 };
  centre.x = reach.x * 2 >= width ? width / 2 : clamp(centre.x, reach.x, width - reach.x);
  centre.y = reach.y * 2 >= height ? height / 2 : clamp(centre.y, reach.y, height - reach.y);
}

function draw() {
  if (!shown || !state || !state.total) return;
  const { bitmap } = shown, { width, height } = size();
  keepInside();
  stages.forEach((stage, place) => {
    const side = holding ? 1 - place : place;
    const [ink, wide, tall] = fit(stage.firstElementChild, stage);
    const scale = scaleOf(stage);
    ink.imageSmoothingEnabled = !zoom; // with a zoom, one pixel of the picture is one, or n by n, of the screen
    ink.imageSmoothingQuality = "high";
    const left = wide / 2 - centre.x * scale, top = tall / 2 - centre.y * scale;
    ink.drawImage(bitmap, side * width, 0, width, height, zoom ? Math.round(left) : left, zoom ? Math.round(top) : top, width * scale, height * scale);
    stage.firstElementChild.setAttribute("aria-label", `Picture ${names[side]}`);
    stage.lastElementChild.textContent = names[side];
  });
  $("work").classList.toggle("zoomed", zoom !== 0);
  $("work").dataset.zoom = zoom;
  $("work").dataset.centre = `${Math.round(centre.x)},${Math.round(centre.y)}`;
  $("work").dataset.holding = holding;
}

function magnify(value, at) {
  zoom = value;
  if (at) centre = at;
  document.querySelectorAll("[data-zoom]").forEach((button) => {
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === zoom));
  });
  draw();
}

function move(x, y) {
  if (!shown || !zoom) return;
  centre = { x: centre.x + x, y: centre.y + y };
  draw();
}

function hold(on) {
  if (holding === on || !shown) return;
  holding = on;
  draw();
}

/* progress */

function take(next) {
  const before = shown && state ? state.question : null;
  state = next;
  $("bar").firstElementChild.style.width = `${100 * state.done / state.total}%`;
  $("bar").setAttribute("aria-valuenow", state.done);
  $("bar").setAttribute("aria-valuemax", state.total);
  $("bar").setAttribute("aria-valuetext", `${state.done} of ${state.total}`);
  $("done").textContent = `${state.done} of ${state.total} pairs`;
  $("left").textContent = timeLeft(state);
  $("voter").hidden = false;
  $("voter").textContent = state.voter;
  $("voter").title = "Change the voter";
  $("voter").setAttribute("aria-label", `Voter ${state.voter}: change`);
  $("undo").disabled = state.done === 0;
  const over = state.question === null;
  $("start").hidden = true;
  $("work").hidden = over;
  $("foot").hidden = false;
  $("finished").hidden = !over;
  $("answers").hidden = over;
  $("total").textContent = over ? `You have judged all ${state.total} pairs.` : "";
  $("work").dataset.asked = over ? "" : state.question;
  if (over || state.question === before) return;
  holding = false;
  clock.reset();
  $("answers").classList.add("waiting");
  show();
}

async function send(what, said, words) {
  if (saving || !voter) return;
  saving = true;
  try {
    const next = await ask(url(what), said, ADVICE);
    complain(null);
    $("said").textContent = words;
    take(next);
  } catch (error) {
    if (error.status === 409) await ask(url("state"), undefined, ADVICE).then(take, () => {}); // judged in another tab
    complain(error);
  } finally {
    saving = false;
  }
}

function answer(which) {
  if (!state || state.question === null || saving || holding) return;
  if (!clock.hasRun || !shown || shown.question !== state.question) return; // nobody has seen the pair yet
  const words = { left: "A is better", right: "B is better", tie: "no difference" }[which];
  send("vote", { question: state.question, answer: which, seconds: clock.seconds }, `Saved: ${words}`);
}

const undo = () => { if (state && state.done) send("undo", {}, "The last vote is taken back"); };

/* who votes */

function welcome() {
  voter = null;
  state = shown = null;
  forget([]);
  complain(null);
  try { sessionStorage.removeItem("hvdbench-voter"); } catch { /* nothing was kept */ }
  $("bar").setAttribute("aria-valuetext", "not begun");
  $("bar").firstElementChild.style.width = "0";
  $("done").textContent = $("left").textContent = $("said").textContent = "";
  $("work").hidden = $("finished").hidden = $("foot").hidden = $("voter").hidden = true;
  $("start").hidden = false;
  $("name").focus();
}

async function begin(name) {
  voter = name;
  try {
    const found = await ask(url("state"), undefined, ADVICE);
    try { sessionStorage.setItem("hvdbench-voter", name); } catch { /* a reload asks for the name again */ }
    complain(null);
    $("begin").reset();
    take(found);
  } catch (error) {
    welcome();
    complain(error);
  }
}

/* keys and pointer */

const KEYS = {
  ArrowLeft: () => answer("left"), ArrowRight: () => answer("right"), ArrowDown: () => answer("tie"),
  z: undo, x: () => magnify(ZOOMS[(ZOOMS.indexOf(zoom) + 1) % ZOOMS.length]), "?": () => $("keys").showModal(),
};
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open || !state) return;
  const onButton = event.target.closest && event.target.closest("button, a, input");
  if (onButton && (event.key === " " || event.key === "Enter")) {
    if (event.repeat) event.preventDefault(); // a key held down is one answer
    return;
  }
  const way = WAYS[event.key];
  if (way && event.shiftKey) move(STEP * way[0], STEP * way[1]);
  else if (event.key === " ") hold(true);
  else {
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    if (!event.repeat) act();
  }
  event.preventDefault();
});
document.addEventListener("keyup", (event) => { if (event.key === " ") hold(false); });
window.addEventListener("blur", () => hold(false));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && event.detail > 0 && !button.closest("dialog, form")) button.blur(); // so that space does not press it again
});

for (const stage of stages) {
  let from = null;
  stage.addEventListener("pointerdown", (event) => {
    if (!shown || event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, centre: { ...centre }, far: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from) return;
    const x = event.clientX - from.x, y = event.clientY - from.y;
    from.far = from.far || Math.hypot(x, y) > CLICK_PX;
    if (!from.far || !zoom) return;
    stage.classList.add("dragged");
    const ratio = (window.devicePixelRatio || 1) / zoom;
    centre = { x: from.centre.x - x * ratio, y: from.centre.y - y * ratio };
    draw();
  });
  const end = (event) => {
    stage.classList.remove("dragged");
    const clicked = from && !from.far && event.type === "pointerup";
    from = null;
    if (!clicked || !shown) return;
    if (zoom) return magnify(0);
    const box = stage.getBoundingClientRect(), scale = scaleOf(stage) / (window.devicePixelRatio || 1);
    magnify(2, {
      x: centre.x + (event.clientX - box.left - box.width / 2) / scale, y: centre.y + (event.clientY - box.top - box.height / 2) / scale,
    });
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
}

$("answers").addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) answer(button.dataset.answer); });
document.querySelector(".zoom").addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) magnify(Number(button.dataset.zoom)); });
$("undo").addEventListener("click", undo);
$("voter").addEventListener("click", welcome);
$("help").addEventListener("click", () => $("keys").showModal());
$("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  begin($("name").value.trim());
});

theme($("theme"));
const watch = new ResizeObserver(draw);
stages.forEach((stage) => watch.observe(stage));
let known = null;
try { known = sessionStorage.getItem("hvdbench-voter"); } catch { /* the page asks */ }
if (known) begin(known);
else welcome();
