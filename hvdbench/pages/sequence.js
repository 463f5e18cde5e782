function sequence(data) {
  const by = (id) => document.getElementById(id);
  const play = by("play"), place = by("place"), back = by("back"), choice = by("exposure");
  const thumbs = [...document.querySelectorAll(".all button")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let chosen = 0, at = 0, way = 1, timer = null;

  const show = (index) => {
    const exposure = data.exposures[chosen];
    at = clamp(index, 0, exposure.frames.length - 1);
    by("blurry").src = exposure.blurry;
    by("frame").src = exposure.frames[at];
    by("number").textContent = at + 1;
    place.value = at + 1;
    thumbs.forEach((thumb, k) => thumb.setAttribute("aria-pressed", k === at));
  };
  const choose = (index) => {
    chosen = index;
    thumbs.forEach((thumb, k) => { thumb.querySelector("img").src = data.exposures[chosen].frames[k]; });
    show(0);
  };
  const next = () => {
    const last = data.exposures[chosen].frames.length - 1;
    if (!back.checked) { way = 1; return show(at === last ? 0 : at + 1); }
    if (at + way < 0 || at + way > last) way = -way;
    return show(at + way);
  };
  const run = (runs) => {
    clearInterval(timer);
    timer = runs ? setInterval(next, 1000 / data.fps) : null;
    play.textContent = runs ? "Pause" : "Play";
    play.setAttribute("aria-pressed", runs);
  };

  play.addEventListener("click", () => run(timer === null));
  place.addEventListener("input", () => { run(false); show(Number(place.value) - 1); });
  thumbs.forEach((thumb, k) => thumb.addEventListener("click", () => { run(false); show(k); }));
  if (choice) choice.addEventListener("change", () => choose(Number(choice.value)));
  choose(0);
  run(!calm);
}

sequence(JSON.parse(document.getElementById("sequence-data").textContent));
