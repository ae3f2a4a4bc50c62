// Charts in SVG. Each has a picture, for those who see it, with a sentence that says the same; and a slider over it, by
// pointer or arrow keys, that reads out one point in time.

const SVG = 'http://www.w3.org/2000/svg';
const MARGIN = {left: 52, right: 12, top: 10, bottom: 24};
const HEIGHT = 220;
const HOUR_S = 3600;
// How far back a chart goes: as far as there is something, in one of these.
const RANGES_S = [300, 900, 1800, HOUR_S];

function svg(name, attributes = {}, ...children) {
	const e = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

// 0, then three or four round numbers, the last one not below `most`.
function roundTicks(most) {
	const rough = (most || 1) / 4, size = 10 ** Math.floor(Math.log10(rough));
	const step = size * [1, 2, 2.5, 5, 10].find((f) => f * size >= rough * 0.999);
	return Array.from({length: Math.max(2, Math.ceil((most || 1) / step - 1e-6) + 1)}, (_, i) => i * step);
}

// Powers of ten around what there is, from the microsecond that is the least that is measured.
function powerTicks(least, most) {
	const power = (ms) => Math.log10(Math.max(ms, 0.001));
	const from = Math.floor(power(least)), to = Math.max(from + 1, Math.ceil(power(most)));
	return Array.from({length: to - from + 1}, (_, i) => 10 ** (from + i));
}

// Runs of points without a gap between them.
function runs(points, good) {
	const all = [];
	let run = [];
	for (const p of points) {
		const last = run.at(-1);
		if (!good(p) || (last && p.t - last.t > 1.6 * Math.max(p.span, last.span))) {
			all.push(run);
			run = [];
		}
		if (good(p))
			run.push(p);
	}
	all.push(run);
	return all.filter((r) => r.length > 0);
}

class Chart {
	// series: [{key, label}], the lowest first where they are stacked
	constructor({id, title, note, series, stacked, logarithmic, say}) {
		Object.assign(this, {series, stacked, logarithmic, say, points: [], at: undefined});
		this.svg = svg('svg', {role: 'img', 'aria-labelledby': `${id}-said`});
		this.slider = make('div', {
			class: 'slider', role: 'slider', tabindex: '0', 'aria-label': `${title}: point in time`,
			'aria-valuemin': '0', 'aria-valuemax': '0', 'aria-valuenow': '0', 'aria-valuetext': 'no data yet',
		});
		this.said = make('p', {class: 'unseen', id: `${id}-said`});
		this.legend = make('ul', {class: 'legend'});
		this.tip = make('div', {class: 'tip', 'aria-hidden': 'true', hidden: ''});
		this.empty = make('p', {class: 'nothing'}, 'Nothing to show yet');
		this.figure = make('figure', {class: 'chart', id},
			make('figcaption', {}, make('h3', {}, title), make('p', {}, note)),
			this.legend, make('div', {class: 'plot'}, this.svg, this.slider, this.tip, this.empty), this.said);
		this.listen();
	}

	listen() {
		const {slider} = this;
		new ResizeObserver(() => this.draw()).observe(this.svg.parentNode);
		slider.addEventListener('pointermove', (e) => this.pointAt(e.clientX - slider.getBoundingClientRect().left));
		slider.addEventListener('pointerdown', (e) => this.pointAt(e.clientX - slider.getBoundingClientRect().left));
		slider.addEventListener('pointerleave', () => document.activeElement !== slider && this.choose(undefined));
		slider.addEventListener('focus', () => slider.matches(':focus-visible') && this.choose(this.at ?? this.points.length - 1));
		slider.addEventListener('blur', () => this.choose(undefined));
		slider.addEventListener('keydown', (e) => {
			const last = this.points.length - 1, now = this.at ?? last;
			const to = {
				ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1,
				PageDown: now - 30, PageUp: now + 30, Home: 0, End: last, Escape: -1,
			}[e.key];
			if (to === undefined)
				return;
			e.preventDefault();
			this.choose(e.key === 'Escape' ? undefined : Math.min(Math.max(to, 0), last));
		});
	}

	// points: [{t, span, …keys}], t in seconds, the oldest first
	show(points, now, range) {
		const chosen = this.points[this.at]?.t;
		this.points = points;
		this.now = now;
		this.range = range;
		if (chosen !== undefined) {
			const again = points.findIndex((p) => p.t >= chosen);
			this.at = again < 0 ? undefined : again;
		}
		this.draw();
	}

	top(p) {
		if (!this.stacked)
			return Math.max(...this.series.map((s) => p[s.key] ?? 0));
		return this.series.reduce((sum, s) => sum + (p[s.key] ?? 0), 0);
	}

	scale() {
		const width = this.svg.parentNode.clientWidth, right = width - MARGIN.right, bottom = HEIGHT - MARGIN.bottom;
		const values = this.points.flatMap((p) => this.series.map((s) => p[s.key])).filter((v) => v > 0);
		const most = Math.max(0, ...this.points.map((p) => this.top(p)));
		this.ticks = this.logarithmic ? powerTicks(Math.min(1, ...values), Math.max(1, most)) : roundTicks(most);
		const low = this.ticks[0], high = this.ticks.at(-1);
		const part = (v) => (this.logarithmic ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : v / high);
		this.width = width;
		this.x = (t) => right - (this.now - t) / this.range * (right - MARGIN.left);
		this.y = (v) => bottom - part(v) * (bottom - MARGIN.top);
		this.base = bottom;
	}

	axes() {
		const all = svg('g', {class: 'axes'});
		for (const tick of this.ticks) {
			const y = Math.round(this.y(tick)) + 0.5;
			all.append(svg('line', {x1: MARGIN.left, x2: this.width - MARGIN.right, y1: y, y2: y}),
				svg('text', {x: MARGIN.left - 8, y: y + 4, 'text-anchor': 'end'}, this.logarithmic ? roundMillis(tick) : tick < 10 ? String(tick) : short(tick)));
		}
		const every = this.range / (this.width < 480 ? 3 : this.range === 300 ? 5 : 6);
		for (let t = Math.ceil((this.now - this.range) / every) * every; t <= this.now; t += every)
			if (this.x(t) < this.width - 24)
				all.append(svg('text', {x: this.x(t), y: HEIGHT - 6, 'text-anchor': 'middle'}, atClock(t)));
		return all;
	}

	area(series, below) {
		const floor = (p) => below.reduce((sum, s) => sum + (p[s.key] ?? 0), 0);
		const shapes = svg('g', {class: `series ${series.key}`});
		for (const run of runs(this.points, () => true)) {
			const upper = run.map((p) => `${this.x(p.t).toFixed(1)},${this.y(floor(p) + (p[series.key] ?? 0)).toFixed(1)}`);
			const lower = run.map((p) => `${this.x(p.t).toFixed(1)},${this.y(floor(p)).toFixed(1)}`).reverse();
			shapes.append(svg('path', {class: 'fill', d: `M${upper.concat(lower).join('L')}Z`}),
				svg('path', {class: 'line', d: `M${upper.join('L')}`}));
		}
		return shapes;
	}

	line(series) {
		const shapes = svg('g', {class: `series ${series.key}`});
		for (const run of runs(this.points, (p) => known(p[series.key]))) {
			const places = run.map((p) => `${this.x(p.t).toFixed(1)},${this.y(p[series.key]).toFixed(1)}`);
			// a point alone would be a line without length
			shapes.append(svg('path', {class: 'line', d: `M${places.join('L')}${places.length === 1 ? 'h0.1' : ''}`}));
		}
		return shapes;
	}

	draw() {
		if (this.now === undefined || this.svg.parentNode.clientWidth === 0)
			return;
		this.scale();
		this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
		this.empty.hidden = this.points.some((p) => this.top(p) > 0);
		this.marks = svg('g', {class: 'marks'});
		this.svg.replaceChildren(this.axes(),
			...this.series.map((s, i) => (this.stacked ? this.area(s, this.series.slice(0, i)) : this.line(s))), this.marks);
		setText(this.said, this.say(this.points));
		this.slider.setAttribute('aria-valuemax', Math.max(0, this.points.length - 1));
		this.tell();
	}

	pointAt(x) {
		let best;
		this.points.forEach((p, i) => {
			const far = Math.abs(this.x(p.t) - x);
			if (best === undefined || far < best.far)
				best = {i, far};
		});
		this.choose(best && best.far < 24 ? best.i : undefined);
	}

	choose(index) {
		this.at = index >= 0 ? index : undefined;
		this.tell();
	}

	value(series, p) {
		return this.logarithmic ? millis(p[series.key]) : rate(p[series.key]);
	}

	// The legend has the latest values, or those of the point that was chosen.
	tell() {
		const chosen = this.points[this.at], p = chosen ?? this.points.at(-1);
		fill(this.legend, this.series.map((s) => [s.key, s.label, p ? this.value(s, p) : '–']), ([key, label, value]) =>
			make('li', {class: key}, make('span', {}, label), ' ', make('b', {}, value)));
		this.marks?.replaceChildren();
		this.tip.hidden = !chosen;
		if (p) {
			const words = this.series.map((s) => `${s.label} ${this.value(s, p)}`).join(', ');
			this.slider.setAttribute('aria-valuenow', this.at ?? this.points.length - 1);
			this.slider.setAttribute('aria-valuetext', `${atSecond(p.t)}: ${words}`);
		}
		if (!chosen || !this.marks)
			return;
		const x = this.x(chosen.t);
		this.marks.append(svg('line', {x1: x, x2: x, y1: MARGIN.top, y2: this.base}));
		let sum = 0;
		for (const s of this.series) {
			sum = this.stacked ? sum + (chosen[s.key] ?? 0) : chosen[s.key];
			if (known(sum))
				this.marks.append(svg('circle', {class: s.key, cx: x, cy: this.y(sum), r: 3.5}));
		}
		setText(this.tip, atSecond(chosen.t));
		this.tip.style.left = `${Math.min(Math.max(x, 36), this.width - 36)}px`;
	}
}
