/** Read the cells of a heat map under the pointer and by arrow keys; a press opens the clip. */
function heatMap(figure, jump) {
  const values = JSON.parse(figure.dataset.values), box = figure.querySelector(".heat-box");
  const map = figure.querySelector(".heat-map"), spot = figure.querySelector(".heat-spot"), tip = figure.querySelector(".tip");
  const names = [...figure.querySelectorAll(".heat-names li")];
  const rows = values.methods.length, columns = values.names.length;
  let at = null;
  const read = (row, column) => {
    at = [clamp(row, 0, rows - 1), clamp(column, 0, columns - 1)];
    const value = values.values[at[0]][at[1]];
    spot.hidden = tip.hidden = false;
    spot.style.cssText = `left: ${100 * at[1] / columns}%; top: ${100 * at[0] / rows}%; width: ${100 / columns}%; height: ${100 / rows}%`;
    const number = value === null ? "–" : minus((value > 0 ? "+" : "") + value.toFixed(values.digits)) + (values.unit ? ` ${values.unit}` : "");
    const line = make("span");
    line.append(make("span", "", values.methods[at[0]]), make("b", "", number));
    tip.replaceChildren(make("b", "", values.names[at[1]]), line);
    const across = (at[1] + 0.5) / columns, down = (at[0] + 0.5) / rows;
    tip.style.left = across > 0.5 ? "auto" : `calc(${100 * across}% + 12px)`;
    tip.style.right = across > 0.5 ? `calc(${100 - 100 * across}% + 12px)` : "auto";
    tip.style.top = down > 0.5 ? "auto" : `calc(${100 * down}% + 12px)`;
    tip.style.bottom = down > 0.5 ? `calc(${100 - 100 * down}% + 12px)` : "auto";
    names.forEach((name, n) => name.classList.toggle("read", n === at[0]));
  };
  const rest = () => { spot.hidden = tip.hidden = true; at = null; names.forEach((name) => name.classList.remove("read")); };
  const under = (event) => {
    const area = map.getBoundingClientRect();
    return [Math.floor((event.clientY - area.top) / area.height * rows), Math.floor((event.clientX - area.left) / area.width * columns)];
  };
  map.addEventListener("pointermove", (event) => read(...under(event)));
  map.addEventListener("pointerleave", rest);
  map.addEventListener("click", (event) => jump(values, under(event)[1]));
  box.addEventListener("focus", () => { if (box.matches(":focus-visible")) read(...(at ?? [0, 0])); });
  box.addEventListener("blur", rest);
  box.addEventListener("keydown", (event) => {
    const [row, column] = at ?? [0, 0];
    const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], Home: [row, 0], End: [row, columns - 1] }[event.key];
    if (to) { read(...to); event.preventDefault(); }
    if (event.key === "Escape") rest();
    if (event.key === "Enter" && at) jump(values, at[1]);
  });
}
