// Object words of many captions, true ones and made-up ones: filter, sort, and open one in an explorer.

async function made_up(model) {
  const data = model.get("data");
  const choose = chooser(model);
  const words = [...new Set(data.rows.map(({ word }) => word))].sort();
  const menus = {
    word: menu("Word", [["", "all words"], ...words.map((word) => [word, word])], (value) => choose("word", value)),
    only: menu("Which", [["", "true or not"], ["supported", "supported"], ["made up", "made up"]], (value) => choose("only", value)),
    score: menu("Score", data.scores, (value) => choose("score", value)),
    order: menu("Order", [["given", "as they come"], ["rising", "lowest score first"], ["falling", "highest score first"]], (value) => choose("order", value)),
  };
  const status = make("p", "count");
  status.setAttribute("aria-live", "polite");

  const list = choices(`entry-${unique()}`, "entries", "Words. Choose one to see why the model said it");
  const entries = data.rows.map(({ picture, position, word, supported }, k) => {
    const entry = list.offer(k, "", (value) => choose("entry", value));
    const image = make("img");
    Object.assign(image, { src: data.pictures[picture], alt: "" });
    const caption = make("span", "said");
    data.views[picture].words.forEach((text, p) => caption.append(make(p === position ? "mark" : "span", "", text), " "));
    const truth = make("span", supported ? "truth" : "truth wrong", supported ? "✓ supported" : "✗ made up");
    const score = make("span", "score");
    entry.querySelector(".text").replaceChildren(image, make("span", "about", null, caption, make("span", "marks", null, truth, " ", score)));
    entry.title = `${data.views[picture].title}: ${word}`;
    // The entry that is marked already brings its word back, when another was chosen below.
    const input = entry.firstChild;
    entry.addEventListener("click", ({ target }) => {
      if (target !== input && input.checked) { choose("entry", k); open(k); }
    });
    return { entry, score };
  });

  // The explorer keeps its own state: another entry changes its word or, of another picture, all it shows.
  const inside = make("div", "inside");
  const state = {
    data: null, word: 0, compare: "", opacity: 0.9,
    method: data.views[0].methods[0].name,
  };
  const inner = stand(state);
  let opened = -1;
  function open(k) {
    const { picture, row } = data.rows[k];
    state.word = row;
    if (picture === opened) return inner.set("word", row);
    const view = { ...data.views[picture], pictures: [data.pictures[picture]] };
    const known = view.methods.map(({ name }) => name);
    if (!known.includes(state.method)) state.method = known[0];
    if (!known.includes(state.compare)) state.compare = "";
    const first = opened < 0;
    opened = picture;
    inner.set("data", view);
    if (first) live(explorer)({ model: inner, el: inside });
  }

  const choosers = make("div", "menus", null, ...Object.values(menus));
  const root = card("made-up", 300, data.title, "Words the model made up", choosers, status, list, inside);
  let order = "", last = -1;

  function update() {
    for (const [trait, node] of Object.entries(menus)) node.mark(model.get(trait));
    const which = data.scores.findIndex(([column]) => column === model.get("score"));
    const label = data.scores[which][1];
    const value = (k) => data.rows[k].scores[which];
    const write = (v) => (v === null ? "not there" : writer([v])(v, ""));
    let shown = data.rows.map((_, k) => k).filter((k) => (
      (!model.get("word") || data.rows[k].word === model.get("word"))
      && (!model.get("only") || data.rows[k].supported === (model.get("only") === "supported"))
    ));
    const sign = { given: 0, rising: 1, falling: -1 }[model.get("order")];
    // Words without the score come last, whatever the order.
    if (sign) shown = shown.sort((a, b) => (value(a) === null) - (value(b) === null) || sign * (value(a) - value(b)));
    entries.forEach(({ score }, k) => { score.textContent = `${label} ${write(value(k))}`; });
    if (order !== (order = shown.join())) list.replaceChildren(...shown.map((k) => entries[k].entry)); // else focus stays

    const wrong = shown.filter((k) => !data.rows[k].supported).length;
    const count = `${shown.length} of ${data.rows.length} words, ${wrong} of them made up.`;
    const k = shown.includes(model.get("entry")) ? model.get("entry") : shown[0];
    inside.hidden = k === undefined;
    if (k === undefined) { status.textContent = `${count} Choose another word, or both true and made up.`; return; }
    const { word, picture, supported } = data.rows[k];
    status.textContent = `${count} Chosen: “${word}” in ${data.views[picture].title}, ${supported ? "supported" : "made up"}; ${label} ${write(value(k))}.`;
    list.mark(k);
    if (k !== last) open(k);
    last = k;
  }

  return [root, update];
}
made_up.traits = ["entry", "word", "only", "score", "order"];
