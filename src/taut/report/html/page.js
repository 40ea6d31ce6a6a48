// Draws the charts, and moves charts and texts when the slider moves. Texts are set as text, never as HTML.
(function () {
  "use strict";
  var page = JSON.parse(document.getElementById("taut-data").textContent);
  var slider = document.getElementById("strength");
  var shown = page.start;
  var drawn = {}; // of each chart: the step that is on the screen, or undefined
  var KINDS = { i1: Int8Array, u1: Uint8Array, f4: Float32Array, f8: Float64Array };

  function unpack(value) {
    if (!value || typeof value.bdata !== "string") return value;
    var text = atob(value.bdata), bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    var flat = new KINDS[value.dtype](bytes.buffer);
    if (!value.shape) return flat;
    var size = value.shape.split(",").map(Number), rows = [];
    for (var r = 0; r < size[0]; r++) rows.push(flat.subarray(r * size[1], (r + 1) * size[1]));
    return rows;
  }

  // A copy in which the words for colours, "@accent", are the colours of the page as it is now.
  // Only what is a colour is looked at: a label may say "@accent" too.
  function painted(node, style, colour) {
    if (typeof node === "string") {
      return colour && node.charAt(0) === "@" ? style.getPropertyValue("--" + node.slice(1)).trim() : node;
    }
    if (Array.isArray(node)) return colour ? node.map(function (n) { return painted(n, style, true); }) : node;
    if (!node || typeof node !== "object" || ArrayBuffer.isView(node)) return node;
    if (typeof node.bdata === "string") return node;
    var copy = {};
    Object.keys(node).forEach(function (key) {
      var inside = /color|colorscale/i.test(key);
      var value = node[key];
      copy[key] = key === "shapes" ? value.map(function (n) { return painted(n, style, false); }) : painted(value, style, inside);
    });
    return copy;
  }

  function draw(id, step) {
    var chart = page.charts[id], place = document.getElementById(id), style = getComputedStyle(document.documentElement);
    var width = Math.floor(place.getBoundingClientRect().width);
    if (!width) return;
    var change = chart.steps[step] || {}, moved = change.data || {};
    var data = chart.data.map(function (trace, i) {
      var whole = Object.assign({}, painted(trace, style, false), moved[i] ? painted(moved[i], style, false) : {});
      if (whole.z) whole.z = unpack(whole.z);
      return whole;
    });
    var layout = painted(Object.assign({}, chart.layout, change.layout || {}), style, false);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.hoverlabel.font.family = layout.font.family;
    layout.width = width;
    layout.height = chart.aspect ? Math.max(60, Math.min(Math.round(width * chart.aspect), 420)) : chart.height;
    var fresh = drawn[id] === undefined;
    drawn[id] = step;
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: false, doubleClick: false, showTips: false });
    if (fresh && chart.jump && slider) {
      place.on("plotly_click", function (event) {
        var point = event.points[0]; // a cell of a map names its step, a point of a curve is one
        move(typeof point.customdata === "number" ? point.customdata : point.pointNumber);
      });
    }
  }

  function near(id) {
    var box = document.getElementById(id).getBoundingClientRect();
    return box.bottom > -200 && box.top < window.innerHeight + 200;
  }

  var ids = Object.keys(page.charts), waiting = 0, later = 0, speaking = 0;

  function texts(step) {
    Object.keys(page.texts).forEach(function (id) {
      var cells = document.getElementById(id).querySelectorAll("[data-moves]");
      page.texts[id][step].forEach(function (text, i) { cells[i].textContent = text; });
    });
    var rows = document.querySelectorAll("tr[data-row]");
    for (var i = 0; i < rows.length; i++) {
      var here = Number(rows[i].getAttribute("data-row")) === step;
      rows[i].classList.toggle("now", here);
      if (here) rows[i].setAttribute("aria-current", "true"); else rows[i].removeAttribute("aria-current");
    }
  }

  // What is on the screen follows at once; the rest when the hand rests.
  function catchUp(all) {
    ids.forEach(function (id) {
      if (page.charts[id].steps.length && drawn[id] !== shown && (all || near(id))) draw(id, shown);
    });
    if (all) document.documentElement.setAttribute("data-shown", shown);
  }

  function move(step) {
    shown = Math.max(0, Math.min(page.steps - 1, step));
    slider.value = shown;
    slider.setAttribute("aria-valuetext", page.spoken[shown]);
    if (!waiting) waiting = requestAnimationFrame(function () {
      waiting = 0;
      texts(shown);
      catchUp(false);
    });
    clearTimeout(later);
    later = setTimeout(function () { catchUp(true); }, 150);
    clearTimeout(speaking);
    speaking = setTimeout(function () { document.getElementById("said").textContent = page.spoken[shown]; }, 700);
  }

  // Every chart anew: the page has another width, other colours, or is about to be printed.
  function redraw() { ids.forEach(function (id) { draw(id, page.charts[id].steps.length ? shown : 0); }); }

  // What is on the screen first; then one chart at a time, so that the page can be used meanwhile.
  function first() {
    var left = ids.filter(function (id) { return drawn[id] === undefined; });
    var tester = document.getElementById("js-plotly-tester"); // where plotly measures text, out of sight
    if (tester) tester.setAttribute("aria-hidden", "true");
    if (!left.length) { document.documentElement.setAttribute("data-ready", "true"); return; }
    var id = left.find(near) || left[0];
    draw(id, page.charts[id].steps.length ? shown : 0);
    if (drawn[id] === undefined) drawn[id] = null; // it has no width: nothing to see
    setTimeout(first, 0);
  }

  first();
  if (slider) {
    slider.value = shown; // a browser that goes back remembers the old one
    texts(shown);
    slider.addEventListener("input", function () { move(Number(slider.value)); });
    document.querySelectorAll("button[data-step]").forEach(function (button) {
      button.addEventListener("click", function () { move(Number(button.getAttribute("data-step"))); });
    });
    window.addEventListener("scroll", function () { catchUp(false); }, { passive: true });
  }
  var wide = window.innerWidth;
  window.addEventListener("resize", function () {
    if (window.innerWidth !== wide) { wide = window.innerWidth; redraw(); }
  });
  function listen(query) {
    var media = window.matchMedia(query);
    if (media.addEventListener) media.addEventListener("change", redraw);
  }
  listen("(prefers-color-scheme: dark)");
  listen("print");
  window.addEventListener("beforeprint", function () {
    document.documentElement.classList.add("printing");
    redraw();
  });
  window.addEventListener("afterprint", function () {
    document.documentElement.classList.remove("printing");
    redraw();
  });
})();
