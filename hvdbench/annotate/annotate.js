import { $, Stopwatch, ask as request, clamp, fit, theme, timeLeft } from "./local.js";

(() => {
  const make = (tag, className) => Object.assign(document.createElement(tag), { className: className || "" });
  const FREE = 3; // the loupe that a click moves; those before it follow places that the server chose
  const STEP = 24;
  const KEPT_BYTES = 300e6;

  let state = null; // what the server says: progress and the question
  let view = 0; // the frame that is looked at; answers go to the one that is asked of
  let holding = false;
  let zoom = 1;
  let confidence = 2;
  let shown = null; // {clip, frame, bitmap}: what is on the canvases
  let broken = false; // the asked frame cannot be shown
  let saving = false;
  let free = null; // {clip, frame, x, y, track}
  const clock = new Stopwatch();
  const pictures = new Map(); // "clip/frame" → promise of a bitmap, oldest first
  const places = new Map(); // clip → three tracks

  const ask = (path, said) => request(path, said, "Start hvdbench annotate again and open the address it prints; answers up to the last are kept.");

  function complain(error) {
    $("trouble").hidden = !error;
    $("trouble").textContent = error ? error.message : "";
  }

  /* frames */

  function picture(clip, frame) {
    const key = `${clip}/${frame}`;
    let found = pictures.get(key);
    if (!found) {
      found = fetch(`frame/${key}`).then(async (reply) => {
        if (!reply.ok) throw new Error((await reply.json()).error);
        return createImageBitmap(await reply.blob());
      });
      found.catch(() => pictures.delete(key));
    }
    pictures.delete(key);
    pictures.set(key, found);
    const size = shown ? shown.bitmap.width * shown.bitmap.height * 4 : 8e6;
    const kept = clamp(Math.floor(KEPT_BYTES / size), 6, 40);
    for (const [old, promise] of pictures) {
      if (pictures.size <= kept) break;
      pictures.delete(old);
      promise.then((bitmap) => { if (!shown || shown.bitmap !== bitmap) bitmap.close(); }, () => {});
    }
    return found;
  }

  const prefetch = (clip, frame) => {
    if (frame >= 0 && frame < state.frames[clip]) picture(clip, frame).catch(() => {});
  };

  async function show() {
    const asked = state.question;
    if (!asked) return;
    const [clip] = asked, frame = holding ? Math.max(0, asked[1] - 1) : view;
    let bitmap;
    try {
      bitmap = await picture(clip, frame);
    } catch (error) {
      if (frame === asked[1] && asked === state.question) {
        broken = true;
        complain(new Error(`This frame cannot be shown: ${error.message}. Answer “unsure” to go on.`));
      } else complain(error);
      return;
    }
    const now = holding ? Math.max(0, asked[1] - 1) : view;
    if (asked !== state.question || frame !== now) return; // gone on in the meantime
    shown = { clip, frame, bitmap };
    if (!free || free.clip !== clip) setFree(frame, bitmap.width / 2, bitmap.height / 2);
    draw();
    if (frame === asked[1]) clock.start();
    [frame - 1, frame + 1].forEach((near) => prefetch(clip, near));
    state.next.forEach((question) => prefetch(...question));
  }

  /* places */

  async function follow(clip) {
    if (places.has(clip)) return;
    places.set(clip, null);
    for (;;) {
      let found;
      try {
        found = await ask(`places/${clip}`);
      } catch {
        places.delete(clip);
        return;
      }
      const here = state.question && state.question[0] === clip;
      if (found.state === "ready") {
        places.set(clip, found.places);
        if (here) { $("followed").textContent = "1–3 follow the scene"; trackFree(); draw(); }
        return;
      }
      if (here) $("followed").textContent = found.state === "failed" ? "places cannot be followed" : `following places: ${found.done} of ${found.total}`;
      if (found.state === "failed") return;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  function setFree(frame, x, y) {
    const { bitmap } = shown;
    free = { clip: shown.clip, frame, x: Math.round(clamp(x, 0, bitmap.width - 1)), y: Math.round(clamp(y, 0, bitmap.height - 1)), track: null };
    trackFree();
  }

  async function trackFree() {
    const mine = free;
    if (!mine || !places.get(mine.clip)) return;
    try {
      const found = await ask(`place/${mine.clip}/${mine.frame}/${mine.x}/${mine.y}`);
      if (mine === free) { free.track = found.track; draw(); }
    } catch { /* the loupe stays where it was put */ }
  }

  function spots() {
    const tracks = places.get(shown.clip);
    const asked = state.question ? state.question[1] : shown.frame;
    const found = [0, 1, 2].map((slot) => {
      const at = tracks && tracks[slot][shown.frame];
      return at ? { x: at[0], y: at[1], other: tracks[slot][asked] && tracks[slot][asked][2] !== at[2] } : null;
    });
    const own = free.track ? free.track[shown.frame] : [free.x, free.y];
    return [...found, own ? { x: own[0], y: own[1] } : null];
  }

  /* drawing */

  /** Return where the picture lies on the stage, in CSS px. */
  function placed() {
    const stage = $("stage"), { bitmap } = shown;
    const scale = Math.min(stage.clientWidth / bitmap.width, stage.clientHeight / bitmap.height);
    return { scale, left: (stage.clientWidth - bitmap.width * scale) / 2, top: (stage.clientHeight - bitmap.height * scale) / 2 };
  }

  function draw() {
    if (!shown || !state.question) return;
    const { bitmap } = shown, asked = state.question[1], away = shown.frame - asked;
    const canvas = $("picture");
    const [ink, , , ratio] = fit(canvas, $("stage"));
    const { scale, left, top } = placed();
    ink.imageSmoothingQuality = "high";
    ink.drawImage(bitmap, left * ratio, top * ratio, bitmap.width * scale * ratio, bitmap.height * scale * ratio);
    const found = spots();
    [...$("crops").children].forEach((figure, slot) => crop(figure, $("marks").children[slot], found[slot], slot));
    $("stage").classList.toggle("away", away !== 0);
    const count = state.frames[shown.clip];
    $("where").textContent = `Clip ${shown.clip + 1} of ${state.frames.length} · frame ${asked + 1} of ${count}`;
    $("away").hidden = away === 0;
    $("away").textContent = away === 0 ? "" : `looking at frame ${shown.frame + 1} (${away < 0 ? "−" : "+"}${Math.abs(away)})`;
    canvas.setAttribute("aria-label", away === 0 ? `Frame ${asked + 1}, which is asked of` : `Frame ${shown.frame + 1}, to compare with`);
    $("asked").disabled = away === 0;
    $("previous").disabled = view <= 0;
    $("following").disabled = view >= count - 1;
    $("answers").classList.remove("waiting");
    $("work").dataset.shown = `${shown.clip}/${shown.frame}`;
    $("work").dataset.asked = `${state.question[0]}/${asked}`;
  }

  function crop(figure, mark, spot, slot) {
    const [ink, width, height, ratio] = fit(figure.firstElementChild, figure);
    mark.hidden = !spot;
    const waiting = slot < FREE && !places.get(shown.clip);
    figure.lastElementChild.textContent = `${slot + 1}${spot ? (spot.other ? " another place" : "") : waiting ? " …" : " out of sight"}`;
    figure.dataset.spot = spot ? `${spot.x},${spot.y}` : "";
    if (!spot) return;
    const { bitmap } = shown;
    ink.imageSmoothingEnabled = false; // one pixel of the frame is one, or two by two, of the screen
    ink.drawImage(bitmap, Math.floor(width / 2) - zoom * spot.x, Math.floor(height / 2) - zoom * spot.y, bitmap.width * zoom, bitmap.height * zoom);
    const { scale, left, top } = placed();
    const wide = width / zoom * scale, high = height / zoom * scale;
    Object.assign(mark.style, {
      left: `${left + (spot.x + 0.5) * scale - wide / 2}px`, top: `${top + (spot.y + 0.5) * scale - high / 2}px`, width: `${wide}px`, height: `${high}px`,
    });
    figure.dataset.ratio = ratio;
  }

  /* progress */

  function take(next) {
    const before = state && state.question && state.question.join("/");
    state = next;
    const count = (label) => state.counts[label] || 0;
    for (const label of ["sharp", "blurry", "unsure"]) $("bar").querySelector(`.${label}`).style.width = `${100 * count(label) / state.total}%`;
    $("bar").setAttribute("aria-valuenow", state.done);
    $("bar").setAttribute("aria-valuemax", state.total);
    $("bar").setAttribute("aria-valuetext", `${state.done} of ${state.total}`);
    $("done").textContent = `${state.done} of ${state.total}`;
    $("each").textContent = ` by ${state.annotator} · ${count("sharp")} sharp · ${count("blurry")} blurry · ${count("unsure")} unsure`;
    $("left").textContent = timeLeft(state);
    document.title = `${state.done} of ${state.total} · Label frames`;
    $("undo").disabled = state.done === 0;
    const over = !state.question;
    $("work").hidden = over;
    $("finished").hidden = !over;
    $("total").textContent = over ? `${state.total} frames: ${count("sharp")} sharp, ${count("blurry")} blurry, ${count("unsure")} unsure.` : "";
    $("answers").hidden = $("confidence").hidden = over;
    if (over || state.question.join("/") === before) return;
    const [clip, frame] = state.question;
    view = frame;
    broken = false;
    clock.reset();
    sure(2);
    $("answers").classList.add("waiting");
    if (places.get(clip)) $("followed").textContent = "1–3 follow the scene";
    follow(clip).then(() => state.next.forEach(([other]) => follow(other)));
    show();
  }

  async function send(path, said, words) {
    if (saving) return;
    saving = true;
    try {
      const next = await ask(path, said);
      complain(null);
      $("said").textContent = words;
      take(next);
    } catch (error) {
      complain(error);
    } finally {
      saving = false;
    }
  }

  function answer(label) {
    const asked = state && state.question;
    if (!asked || saving) return;
    if (!clock.hasRun && !(broken && label === "unsure")) return; // nobody has seen the frame yet
    const said = { clip: asked[0], frame: asked[1], label, confidence, seconds: clock.seconds };
    send("answer", said, `Frame ${asked[1] + 1}: ${label} (${["a guess", "fairly sure", "certain"][confidence - 1]}), kept`);
  }

  const undo = () => { if (state && state.done) send("undo", {}, "The last answer is taken back"); };

  function sure(value) {
    confidence = clamp(value, 1, 3);
    $("confidence").querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.confidence) === confidence)));
  }

  function flip(by) {
    if (!state || !state.question) return;
    view = clamp(view + by, 0, state.frames[state.question[0]] - 1);
    show();
  }

  function back() {
    if (!state || !state.question) return;
    view = state.question[1];
    show();
  }

  function hold(on) {
    if (holding === on || !state || !state.question) return;
    holding = on;
    show();
  }

  function magnify(value) {
    zoom = value;
    document.querySelectorAll("[data-zoom]").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === zoom)));
    draw();
  }

  function nudge(x, y) {
    if (!shown || !free) return;
    const [at] = spots().slice(FREE);
    setFree(shown.frame, (at ? at.x : free.x) + x * STEP, (at ? at.y : free.y) + y * STEP);
    draw();
  }

  /* keys and pointer */

  const KEYS = {
    1: () => answer("sharp"), s: () => answer("sharp"),
    2: () => answer("blurry"), b: () => answer("blurry"),
    3: () => answer("unsure"), u: () => answer("unsure"),
    z: undo, x: () => magnify(3 - zoom), "?": () => $("keys").showModal(),
    "+": () => sure(confidence + 1), "=": () => sure(confidence + 1),
    "-": () => sure(confidence - 1), "−": () => sure(confidence - 1), _: () => sure(confidence - 1),
    Escape: back,
  };
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
    const onButton = event.target.closest && event.target.closest("button, a");
    if (onButton && (event.key === " " || event.key === "Enter")) {
      if (event.repeat) event.preventDefault(); // a key held down is one answer
      return;
    }
    const way = WAYS[event.key];
    if (way && event.shiftKey) nudge(...way);
    else if (way) { if (way[0]) flip(way[0]); else return; }
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
    if (button && event.detail > 0 && !button.closest("dialog")) button.blur(); // so that space flips and does not press it again
  });

  $("stage").addEventListener("click", (event) => {
    if (!shown) return;
    const box = $("stage").getBoundingClientRect(), { scale, left, top } = placed();
    setFree(shown.frame, (event.clientX - box.left - left) / scale - 0.5, (event.clientY - box.top - top) / scale - 0.5);
    draw();
  });
  $("answers").addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) answer(button.dataset.label); });
  $("confidence").addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) sure(Number(button.dataset.confidence)); });
  document.querySelector(".zoom").addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) magnify(Number(button.dataset.zoom)); });
  $("undo").addEventListener("click", undo);
  $("previous").addEventListener("click", () => flip(-1));
  $("following").addEventListener("click", () => flip(1));
  $("asked").addEventListener("click", back);
  $("help").addEventListener("click", () => $("keys").showModal());

  for (let slot = 1; slot <= FREE + 1; slot++) {
    const figure = make("figure"), mark = make("i"), canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", slot > FREE ? "Loupe that follows where you click" : `Loupe on place ${slot}`);
    figure.dataset.place = mark.dataset.place = mark.dataset.name = slot;
    mark.hidden = true;
    figure.append(canvas, make("figcaption"));
    $("crops").append(figure);
    $("marks").append(mark);
  }
  theme($("theme"));
  const watch = new ResizeObserver(draw);
  watch.observe($("stage"));
  watch.observe($("crops"));
  ask("state").then(take, complain);
})();
