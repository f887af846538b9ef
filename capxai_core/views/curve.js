// Attention correctness by threshold: a line a method, and single words, each opening its map with box and threshold.

async function curve(model) {
  const data = model.get("data");
  const choose = chooser(model);
  const key = unique();
  const inflated = new Map(); // maps of the pictures that were looked at
  const dashes = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
  const dash = (k) => dashes[k % dashes.length];
  const line = (name) => data.lines.find((one) => one.key === name);

  const methods = choices(`method-${key}`, "methods", "Method");
  for (const name of data.methods) methods.offer(name, line(name).name, () => choose("method", name));
  const slider = sliding("Threshold", data.thresholds.length - 1, 1, (at) => choose("threshold", at));
  const level = make("span", "level");
  const chart = plot({ x: [0, 1], y: [0, 1], across: "threshold, share of the map’s maximum", up: "evidence in the box" });
  const keys = legend(data.lines.map(({ name, colour }, k) => [name, colour, dash(k)]));

  const words = choices(`point-${key}`, "points", "Words. Choose one to see its map");
  const options = data.points.map(({ word, view }, k) => {
    const option = words.offer(k, word, () => choose("point", k));
    option.firstChild.title = option.title = data.views[view].title;
    option.append(make("span", "value"));
    return option;
  });

  const left = make("div", "panel"), status = make("p", "status");
  status.setAttribute("aria-live", "polite");
  const stages = data.views.map((view, k) => {
    const shown = stage({ ...view, src: data.pictures[k], alt: `The picture captioned “${view.words.join(" ")}”` });
    shown.boxes = make("div", "boxes");
    shown.frame.append(shown.boxes);
    return shown;
  });
  const caption = make("p", "note");
  const right = make("div", "panel", null, methods, chart.node,
    make("div", "blend", null, make("span", "", "Threshold"), slider, level), keys);
  const root = card("curve", 340, data.title, "Attention correctness", make("div", "halves", null, left, right), words);

  const share = (value) => (value === null ? "no share" : percent(value));

  function update() {
    const [k, name, at] = curve.traits.map((trait) => model.get(trait));
    const point = data.points[k], view = data.views[point.view], own = line(name);
    const threshold = data.thresholds[at];
    methods.mark(name);
    words.mark(k);
    level.textContent = threshold.toFixed(1);
    slider.mark(at, level.textContent);

    const mean = `On average over ${own.n} words: ${share(own.value[at])}${own.low[at] === null ? "" : ` [${percent(own.low[at])}, ${percent(own.high[at])}]`}.`;
    status.textContent = `Of the positive evidence of ${own.name} for “${point.word}” above ${threshold.toFixed(1)} of the maximum, ${share(point.values[name][at])} lies in ${point.boxes.length > 1 ? "one of the boxes" : "the box"}. ${mean}`;
    caption.textContent = `${view.title}: ${view.words.join(" ")}`;
    options.forEach((option, i) => { option.lastChild.textContent = share(data.points[i].values[name][at]); });

    chart.clear();
    chart.node.setAttribute("aria-label", `Share of the evidence in the box by threshold. ${data.lines.map((one) => `${one.name} from ${share(one.value[0])} to ${share(one.value.at(-1))}`).join("; ")}.`);
    const along = (values) => values.map((value, i) => [data.thresholds[i], value]).filter(([, value]) => value !== null);
    chart.band([...along(own.low), ...along(own.high).reverse()], own.colour);
    data.lines.forEach((one, i) => chart.line(along(one.value), one.colour, dash(i), one === own ? 3.5 : 1.3));
    data.points.forEach(({ values, word, view: of }, i) => {
      const value = values[name][at];
      if (value === null || i === k) return;
      chart.dot(threshold, value, own.colour, 5, `${word}, ${data.views[of].title}: ${percent(value)}`, () => choose("point", i));
    });
    if (point.values[name][at] !== null) chart.dot(threshold, point.values[name][at], own.colour, 9, `${point.word}: shown`);

    const shown = stages[point.view];
    shown.boxes.replaceChildren(...point.boxes.map(([x, y, width, height]) => {
      const box = make("i");
      Object.assign(box.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * width}%`, height: `${100 * height}%` });
      return box;
    }));
    if (left.firstChild !== shown.node) left.replaceChildren(shown.node, caption, status);
    const which = view.methods.findIndex((method) => method.name === name);
    const place = `${point.view} ${which}`;
    if (!inflated.has(place)) inflated.set(place, inflate(view.methods[which]));
    inflated.get(place).then((levels) => {
      // Another word may have been chosen while this one's maps were unpacked.
      if (model.get("point") !== k || model.get("method") !== name || model.get("threshold") !== at) return;
      shown.show(view.methods[which], levels, point.row, 0.9, threshold);
      shown.frame.querySelector("canvas").setAttribute("aria-label", status.textContent);
    });
  }

  return [root, update];
}
curve.traits = ["point", "method", "threshold"];
