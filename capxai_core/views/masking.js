// Hide what a word's map points at, and read what the model says of the rest. The browser hides the cells.

async function masking(model) {
  const data = model.get("data");
  const choose = chooser(model);
  const key = unique();
  const regions = [
    ["relevant", "most relevant", "#d95f02", ""],
    ["opposed", "least relevant", "#1f78b4", "6 3"],
    ["random", "at random", "#7f7f7f", "2 3"],
  ];
  const group = (trait, label, values) => {
    const node = choices(`${trait}-${key}`, "methods", label);
    for (const [value, text] of values) node.offer(value, text, () => choose(trait, value));
    return node;
  };
  const words = group("word", "Word", data.positions.map((p, row) => [row, data.words[p]]));
  const methods = group("method", "Method", data.methods);
  const places = group("region", "Which cells", regions);
  const kept = make("button", "switch", "Keep only these");
  kept.type = "button";
  kept.addEventListener("click", () => choose("kept", !model.get("kept")));

  const picture = make("img");
  Object.assign(picture, { src: data.pictures[0], alt: `The picture captioned “${data.words.join(" ")}”` });
  const cells = make("div", "cells", null, ...data.random.map(() => make("i")));
  cells.setAttribute("role", "img");
  cells.style.setProperty("--grid", data.grid);
  cells.style.setProperty("--fill", data.fill);
  const frame = make("div", "frame", null, picture, cells);
  frame.style.aspectRatio = data.aspect;
  const slider = sliding("Share of the cells", data.shares.length - 1, 1, (step) => choose("step", step));
  const share = make("span", "share");
  const old = make("p", "old"), said = make("p", "new"), status = make("p", "status");
  status.setAttribute("aria-live", "polite");
  const left = make("div", "panel", null,
    make("div", "stage", null, frame, make("div", "blend", null, make("span", "", "Cells"), slider, share)), old, said);

  const chart = plot({ x: [0, data.shares.at(-1)], y: [0, 1], across: "share of the cells", up: "probability of the word" });
  const keys = legend(regions.map(([, text, ink, dash]) => [text, ink, dash]));
  const right = make("div", "panel", null,
    make("div", "pick", null, words, methods), make("div", "pick", null, places, kept), status, chart.node, keys);

  const root = card("masking", 340, data.title, "Hide parts of the picture", make("div", "halves", null, left, right));

  function update() {
    const [row, name, region, keep, step] = masking.traits.map((trait) => model.get(trait));
    const of = (where) => data.seen[`${name} ${row} ${where} ${+keep}`];
    const order = region === "random" ? data.random : region === "opposed" ? data.orders[name][row].toReversed() : data.orders[name][row];
    const many = data.counts[step];
    order.forEach((cell, rank) => cells.children[cell].classList.toggle("on", (rank < many) !== keep));
    [[words, row], [methods, name], [places, region]].forEach(([node, value]) => node.mark(value));
    kept.setAttribute("aria-pressed", keep);
    share.textContent = `${percent(data.shares[step])} ${keep ? "kept" : "hidden"}`;
    slider.mark(step, share.textContent);

    const word = data.words[data.positions[row]];
    const seen = of(region), now = data.captions[seen.said[step]];
    const write = (node, label, text) => node.replaceChildren(make("span", "note", `${label} `), ...text.flatMap((one) => [make(one === word ? "mark" : "span", "", one), " "]));
    write(old, "Of the whole picture:", data.words);
    write(said, "Of what is left:", now);
    const label = data.methods.find(([value]) => value === name)[1];
    const which = { relevant: `those most relevant for “${word}” by ${label}`, opposed: `those least relevant for “${word}” by ${label}`, random: "chosen at random" }[region];
    status.textContent = `With ${keep ? "only " : ""}${percent(data.shares[step])} of the cells ${keep ? "left" : "hidden"}, ${which}, “${word}” is `
      + `${now.includes(word) ? "still in the caption" : "no longer in the caption"}. Where it stood, its probability goes from ${percent(data.chance[row])} to ${percent(seen.p[step])}.`;
    cells.setAttribute("aria-label", status.textContent);

    chart.clear();
    chart.node.setAttribute("aria-label", `Probability of “${word}” by the share of cells ${keep ? "kept" : "hidden"}. ${regions.map(([where, text]) => `${text}: ${of(where).p.map(percent).join(", ")}`).join("; ")}.`);
    for (const [where, , ink, dash] of regions) {
      chart.line(of(where).p.map((p, k) => [data.shares[k], p]), ink, dash, where === region ? 3 : 1.5);
    }
    chart.dot(data.shares[step], seen.p[step], regions.find(([where]) => where === region)[2], 6);
  }

  return [root, update];
}
masking.traits = ["word", "method", "region", "kept", "step"];
