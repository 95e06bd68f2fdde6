// Plays a recorded rollout on a canvas: sticks with round ends seen by an orthographic camera, or a game's cells.
(() => {
  const root = document.querySelector(".player");
  if (!root) return;
  const film = JSON.parse(document.getElementById("film").textContent);
  const canvas = root.querySelector("canvas"), pen = canvas.getContext("2d");
  const button = root.querySelector("button"), slider = root.querySelector("input");
  const label = root.querySelector("output"), speed = root.querySelector("select");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const count = film.steps.length;
  const cells = film.kind === "cells" ? bytes(film.cells) : null;
  const ends = film.kind === "sticks" ? new Float32Array(bytes(film.ends).buffer) : null;
  let frame = 0, playing = false, last = 0, owed = 0;

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  let right = film.right, up = film.up, azimuth = 0, elevation = 0;
  if (film.kind === "sticks") {
    const towards = cross(right, up);
    azimuth = Math.atan2(towards[1], towards[0]);
    elevation = Math.asin(Math.max(-1, Math.min(1, towards[2])));
  }
  function orbit(dx, dy) {
    azimuth -= dx * 0.01;
    elevation = Math.max(-0.1, Math.min(1.55, elevation + dy * 0.01));
    right = [-Math.sin(azimuth), Math.cos(azimuth), 0];
    up = [-Math.sin(elevation) * Math.cos(azimuth), -Math.sin(elevation) * Math.sin(azimuth), Math.cos(elevation)];
  }

  function drawCells() {
    const size = film.rows * film.columns, at = frame * size;
    for (let i = 0; i < size; i++) {
      pen.fillStyle = film.colours[cells[at + i]];
      pen.fillRect(i % film.columns, Math.floor(i / film.columns), 1, 1);
    }
  }

  function drawSticks() {
    const ratio = window.devicePixelRatio || 1, wide = root.clientWidth;
    const high = Math.min(420, Math.max(220, wide * film.height / film.span));
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio); canvas.height = Math.round(high * ratio);
      canvas.style.height = high + "px";
    }
    const groups = film.radii.length, base = frame * groups * 6;
    const point = (i, end) => [0, 1, 2].map((axis) => ends[base + i * 6 + end * 3 + axis]);
    let middle = film.centre;
    if (film.follow) {
      const low = [1e9, 1e9, 1e9], top = [-1e9, -1e9, -1e9];
      for (let i = 0; i < groups; i++) if (film.moving[i]) for (const end of [0, 1]) point(i, end).forEach((v, axis) => {
        low[axis] = Math.min(low[axis], v); top[axis] = Math.max(top[axis], v);
      });
      middle = low.map((v, axis) => (v + top[axis]) / 2);
    }
    const scale = Math.min(canvas.height / film.height, canvas.width / film.span);
    const place = (p) => {
      const q = [p[0] - middle[0], p[1] - middle[1], p[2] - middle[2]];
      return [canvas.width / 2 + dot(q, right) * scale, canvas.height / 2 - dot(q, up) * scale];
    };
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (film.ground !== null) floor(middle, place, scale, ratio);
    const towards = cross(right, up), order = [];
    for (let i = 0; i < groups; i++) {
      const a = point(i, 0), b = point(i, 1);
      order.push([dot(a, towards) + dot(b, towards), i, place(a), place(b)]);
    }
    order.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    pen.lineCap = "round";
    for (const [, i, a, b] of order) {
      const thick = 2 * film.radii[i] * scale;
      if (film.moving[i]) line(a, b, thick + 2 * ratio, "#1f2933");
      line(a, b, thick, film.colours[i]);
    }
  }
  function line(a, b, thick, colour) {
    pen.strokeStyle = colour; pen.lineWidth = thick;
    pen.beginPath(); pen.moveTo(a[0], a[1]); pen.lineTo(b[0] + 0.01, b[1]); pen.stroke();
  }
  function floor(middle, place, scale, ratio) {
    // A grid of half metres that stays where it is while the camera follows the body: it shows the motion.
    const step = 0.5, reach = 0.5 * canvas.width / scale + 1;
    const flat = Math.abs(elevation) < 0.02;
    pen.lineCap = "butt";
    if (flat) {
      const level = place([middle[0], middle[1], film.ground])[1];
      pen.fillStyle = "rgba(120,130,140,0.16)"; pen.fillRect(0, level, canvas.width, canvas.height);
    }
    for (let x = Math.ceil((middle[0] - reach) / step) * step; x < middle[0] + reach; x += step) {
      if (flat) {
        const a = place([x, middle[1], film.ground]);
        line(a, [a[0], a[1] + 9 * ratio], ratio, "rgba(90,100,110,0.7)");
      } else {
        line(place([x, middle[1] - reach, film.ground]), place([x, middle[1] + reach, film.ground]), ratio, "rgba(120,130,140,0.3)");
      }
    }
    if (flat) return;
    for (let y = Math.ceil((middle[1] - reach) / step) * step; y < middle[1] + reach; y += step)
      line(place([middle[0] - reach, y, film.ground]), place([middle[0] + reach, y, film.ground]), ratio, "rgba(120,130,140,0.3)");
  }

  function show() {
    if (cells) drawCells(); else drawSticks();
    slider.value = frame;
    label.textContent = `step ${film.steps[frame]} · return ${film.returns[frame]}`;
  }
  function tick(now) {
    if (!playing) return;
    owed += Math.min(200, now - last) / 1000 * Number(speed.value); last = now;
    const due = Math.floor(owed / film.seconds);
    if (due > 0) { owed -= due * film.seconds; frame = (frame + due) % count; show(); }
    requestAnimationFrame(tick);
  }
  function play(on) {
    playing = on; button.textContent = on ? "Pause" : "Play"; owed = 0; last = performance.now();
    if (on) requestAnimationFrame(tick);
  }
  if (cells) { canvas.width = film.columns; canvas.height = film.rows; }
  slider.max = count - 1;
  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => { play(false); frame = Number(slider.value); show(); });
  window.addEventListener("resize", show);
  if (film.turns) canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) { orbit(event.movementX, event.movementY); show(); }
  });
  show();
  play(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
})();

// Brax's own viewer needs the network, so it is loaded only when somebody asks for it.
(() => {
  const button = document.getElementById("load-viewer");
  if (!button) return;
  button.addEventListener("click", () => {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.srcdoc = JSON.parse(document.getElementById("viewer").textContent);
    button.replaceWith(frame);
  });
})();
