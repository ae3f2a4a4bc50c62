// The page: asks for status.json again and again, and shows what it says. Texts from outside become text nodes, never markup.
// What stands still in the numbers stands still on the page: only what changed is built anew.

const POLL_MS = 2000, OLD_MS = 7000, TIMEOUT_MS = 5000, KEEP_S = 900;
const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

function setText(e, text) {
	if (e.textContent !== text)
		e.textContent = text;
}

// One child for each item, the ones before kept where their item is the same.
function fill(parent, items, build) {
	items.forEach((item, i) => {
		const sign = JSON.stringify(item), old = parent.children[i];
		if (old?.sign === sign)
			return;
		const fresh = build(item);
		fresh.sign = sign;
		if (old)
			old.replaceWith(fresh);
		else
			parent.append(fresh);
	});
	while (parent.children.length > items.length)
		parent.lastElementChild.remove();
}

const sum = (list, key) => list.reduce((all, x) => all + (x[key] ?? 0), 0);

// --- what is known ----------------------------------------------------------------------------------------------------------

let status;       // the latest
let heard = 0;    // when it came, performance.now()
let samples = []; // {t, counters, latency} of the last minutes

function takeSample(s) {
	const latency = joined(s.latency?.hit, s.latency?.miss), last = samples.at(-1);
	const c = s.counters ?? {};
	// another daemon counts from zero: what was before says nothing about it
	if (last && (s.now <= last.t || (c.queries ?? 0) < (last.c.queries ?? 0)))
		samples = [];
	const servfail = s.responses?.SERVFAIL ?? 0;
	const cpu = new Map((s.workers ?? []).map((w) => [`${w.slot} ${w.pid}`, w.cpu_s]));
	samples.push({t: s.now, c, servfail, latency, cpu});
	while (samples[0].t < s.now - KEEP_S)
		samples.shift();
}

// A point out of what was counted between two samples.
function between(a, b) {
	const grown = (key) => Math.max(0, (b.c[key] ?? 0) - (a.c[key] ?? 0));
	return asPoint({
		t: b.t, span: b.t - a.t, queries: grown('queries'), hits: grown('cache_hits'), misses: grown('cache_misses'),
		blocked: grown('blocked'), servfail: Math.max(0, b.servfail - a.servfail),
		p50: b.latency && quantile(b.latency, a.latency, 0.5), p99: b.latency && quantile(b.latency, a.latency, 0.99),
	});
}

// With rates in the bands of the chart: what neither cache nor upstream nor a list had is the rest.
function asPoint(p) {
	const per = (n) => Math.max(0, n) / p.span;
	const rest = p.queries - p.hits - p.misses - p.blocked;
	return {...p, qps: per(p.queries), cached: per(p.hits), asked: per(p.misses), listed: per(p.blocked), other: per(rest)};
}

function sampleBefore(t) {
	return samples.findLast((s) => s.t <= t) ?? samples[0];
}

// The steps of the history, and after their end what this page saw for itself.
function pointsOf(s) {
	const step = s.history?.step_s ?? 10;
	const points = (s.history?.points ?? []).map((p) => {
		const length = p.span_s ?? step;
		return asPoint({...p, t: p.t + length / 2, end: p.t + length, span: length, p50: p.p50_ms ?? undefined, p99: p.p99_ms ?? undefined});
	}).filter((p) => p.span > 0 && p.t > s.now - HOUR_S);
	const end = points.at(-1)?.end ?? 0, own = [];
	let before = samples[0];
	for (const sample of samples) {
		if (sample.t > end && before.t < sample.t) {
			const from = sampleBefore(sample.t - step / 2);
			if (sample.t - from.t > 0)
				own.push({...between(from, sample), span: step});
		}
		before = sample;
	}
	return points.concat(own);
}

// What the last `seconds` were like; the history knows more than this page, which may just have been opened.
function lately(s, points, seconds) {
	const from = sampleBefore(s.now - seconds), to = samples.at(-1);
	if (to.t - from.t >= seconds * 0.8)
		return between(from, to);
	const past = points.filter((p) => p.end !== undefined && p.end > s.now - seconds - (s.history?.step_s ?? 10));
	if (past.length > 0) {
		const total = {t: s.now, span: sum(past, 'span'), p50: past.at(-1).p50, p99: past.at(-1).p99};
		for (const key of ['queries', 'hits', 'misses', 'blocked', 'servfail'])
			total[key] = sum(past, key);
		return asPoint(total);
	}
	return to.t > from.t ? between(from, to) : undefined;
}

// --- the verdict ------------------------------------------------------------------------------------------------------------

const place = (u) => `${u.name ?? ''} ${host(u.address, u.port)}`.trim();
const askAt = (s) => (s.listen ?? []).find((l) => String(l.protocols).includes('udp')) ?? s.listen?.[0];

function verdictOf(s, minute) {
	const upstreams = s.upstreams ?? [], workers = (s.workers ?? []).filter((w) => w.state !== 'draining');
	const down = upstreams.filter((u) => mood(u.state) === 'bad'), well = workers.filter((w) => mood(w.state) === 'good');
	const reasons = down.map((u) => `${place(u)} is ${u.state}${u.why ? `: ${u.why}` : ''}`);
	for (const w of workers)
		if (mood(w.state) !== 'good')
			reasons.push(`Worker ${w.slot} is ${w.state}${w.last_death ? `, its predecessor ended with ${w.last_death}` : ''}`);
	if (minute && minute.queries >= 20 && minute.servfail / minute.queries > 0.01)
		reasons.push(`${percent(minute.servfail, minute.queries)} of the last minute's questions ended in SERVFAIL`);
	if (s.ready === false || (upstreams.length > 0 && down.length === upstreams.length))
		return ['bad', down.length > 0 ? 'No upstream answers' : 'Not ready', reasons];
	if (workers.length > 0 && well.length === 0)
		return ['bad', 'No worker serves', reasons];
	if (s.state && mood(s.state) !== 'good' && s.state !== 'degraded')
		return ['fair', `The daemon is ${s.state}`, reasons];
	if (reasons.length > 0)
		return ['fair', 'Serving, with something to look at', reasons];
	return ['good', 'All is well', []];
}

function wellOf(s) {
	const upstreams = s.upstreams ?? [], workers = s.workers ?? [];
	const up = upstreams.filter((u) => mood(u.state) === 'good').length, rest = upstreams.length - up;
	return [
		up > 0 || rest === 0 ? `${times(up, 'upstream answers', 'upstreams answer')}${rest > 0 ? `, ${count(rest)} not tried yet` : ''}`
			: `${times(rest, 'upstream')} not tried yet`,
		times(workers.length, 'worker serves', 'workers serve'),
		...(known(s.uptime_s) ? [`up for ${span(s.uptime_s)}`] : []),
	].join(' · ');
}

function showVerdict(s, minute) {
	const [kind, words, reasons] = verdictOf(s, minute);
	setText($('verdict'), words);
	$('verdict').className = kind;
	if (kind === 'good')
		reasons.push(wellOf(s));
	fill($('reasons'), reasons, (text) => make('li', {}, text));
	$('reasons').hidden = reasons.length === 0;
	const at = askAt(s), none = !(s.counters?.queries > 0);
	$('hint').hidden = !none;
	if (none && at)
		fill($('hint'), [at], () => make('span', {}, 'No questions yet. Ask one: ',
			make('code', {}, `dig @${at.address}${at.port === 53 ? '' : ` -p ${at.port}`} example.com`)));
}

// --- tiles and facts --------------------------------------------------------------------------------------------------------

function showTiles(s, now, minute) {
	const c = s.counters ?? {}, hits = c.cache_hits ?? 0, looked = hits + (c.cache_misses ?? 0);
	const cached = minute && minute.hits + minute.misses > 0 ? percent(minute.hits, minute.hits + minute.misses) : percent(hits, looked);
	const off = s.cache && !s.cache.size_bytes;
	const timed = now?.p50 !== undefined ? now : minute;
	fill($('tiles'), [
		['Questions per second', rate(now?.qps), `${short(c.queries)} in all`],
		['Answered from cache', off ? 'off' : cached, off ? 'cache.size is 0' : `${percent(hits, looked)} in all`],
		['Time to answer', millis(timed?.p50), timed?.p99 === undefined ? 'half of the answers' : `99 % within ${millis(timed.p99)}`],
		['Failed', percent(minute?.servfail, minute?.queries), `SERVFAIL, ${count(s.responses?.SERVFAIL ?? 0)} in all`],
	], ([name, value, more]) => make('div', {}, make('dt', {}, name),
		make('dd', {class: 'big'}, ...withUnit(value)), make('dd', {class: 'more'}, more)));
}

// The unit smaller than the number.
function withUnit(text) {
	const [, number, unit] = /^([<>]? ?[\d.,]+)( \D+)$/.exec(text) ?? [];
	return number ? [number, make('small', {}, unit)] : [text];
}

function showFacts(list, facts) {
	fill(list, facts.filter(([, value]) => value !== undefined), ([name, value, more]) => make('div', value.length > 40 ? {class: 'all'} : {}, make('dt', {}, name),
		make('dd', {}, value, ...(more ? [make('small', {}, more)] : []))));
}

function showEmpty(table, text) {
	table.hidden = text !== undefined;
	const p = table.parentNode.querySelector('.empty');
	p.hidden = text === undefined;
	setText(p, text ?? '');
}

function showCache(s) {
	const c = s.cache;
	showEmpty($('cache-facts'), !c || !c.size_bytes ? 'The cache is off (cache.size = "0"): every question goes upstream.' : undefined);
	if (!c)
		return;
	showFacts($('cache-facts'), [
		['In use', `${bytes(c.used_bytes)} of ${bytes(c.size_bytes)}`, percent(c.used_bytes, c.size_bytes)],
		['Answers kept', count(c.entries)],
		['Found fresh', count(c.hits)],
		['Not found', count(c.misses)],
		['Expired ones given', count(c.stale), c.stale > 0 ? 'while no upstream answered in time' : undefined],
	]);
}

function outcome(x) {
	return x && `${count(x.ok)} done, ${count(x.failed)} failed`;
}

function showProcess(s) {
	showFacts($('process-facts'), [
		['Version', s.version],
		['Started', s.started && atDay(s.started), s.uptime_s === undefined ? undefined : `${span(s.uptime_s)} ago`],
		['Process', s.pid === undefined ? undefined : String(s.pid)],
		['Generation', s.generation === undefined ? undefined : String(s.generation)],
		['Reloads', outcome(s.reloads)],
		['Upgrades', outcome(s.upgrades)],
		['Listening', (s.listen ?? []).map((l) => `${host(l.address, l.port)} ${[l.protocols].flat().join('+')}`).join(', ') || undefined],
	]);
	setText($('version'), s.version ?? '');
}

// --- tables -----------------------------------------------------------------------------------------------------------------

const pill = (state) => make('span', {class: `pill ${mood(state)}`}, state);
const under = (text) => make('small', {}, text);

// A row: the first cell is its heading; `names` stand before the values where the table is folded up on a narrow screen.
function row(names, cells) {
	return make('tr', {role: 'row'}, ...cells.map((cell, i) => make(i === 0 ? 'th' : 'td', {
		...(i === 0 ? {scope: 'row', role: 'rowheader'} : {role: 'cell', 'data-name': names[i]}),
		...(cell.n ? {class: 'n'} : {}),
	}, ...[cell.n ?? cell].flat())));
}

function showUpstreams(s) {
	const names = ['', 'State', 'Answers in', 'Asked', 'Failed', 'Handshakes'];
	fill($('upstream-table').tBodies[0], s.upstreams ?? [], (u) => {
		const hands = u.handshakes ?? {}, p99 = u.latency && quantile(u.latency, undefined, 0.99);
		return row(names, [
			[make('span', {}, u.name ?? ''), under(host(u.address, u.port))],
			[pill(u.state), ...(u.why ? [under(u.why)] : [])],
			{n: [millis(u.latency_ms || undefined), ...(p99 === undefined ? [] : [under(`99 % within ${millis(p99)}`)])]},
			{n: [count(u.asked), under(`${count(u.answered)} answered`)]},
			{n: [count(u.failed), ...(u.failed > 0 ? [under(percent(u.failed, u.asked))] : [])]},
			{n: [count(hands.full), under(`${count(hands.resumed)} resumed${hands.failed > 0 ? `, ${count(hands.failed)} failed` : ''}`)]},
		]);
	});
}

function deathsOf(w) {
	const kinds = Object.entries(w.deaths_by_signal ?? {}).filter(([, n]) => n > 0);
	if (!w.deaths)
		return ['none'];
	const what = kinds.map(([name, n]) => `${count(n)} × ${signalWord(name)}`).join(', ') || w.last_death || '';
	return [count(w.deaths), ...(what ? [under(what)] : [])];
}

// Of one processor, over the last seconds.
function cpuOf(w, now) {
	const key = `${w.slot} ${w.pid}`, from = samples.find((s) => s.t > now - 10 && s.cpu.has(key)), to = samples.at(-1);
	if (!from || to.t - from.t < 1)
		return undefined;
	return Math.max(0, w.cpu_s - from.cpu.get(key)) / (to.t - from.t);
}

function showWorkers(s) {
	const names = ['', 'State', 'Up for', 'CPU', 'Memory', 'Deaths'];
	const rows = (s.workers ?? []).map((w) => ({...w, uptime_s: span(w.uptime_s), cpu: cpuOf(w, s.now), cpu_s: w.cpu_s}));
	fill($('worker-table').tBodies[0], rows, (w) => row(names, [
		[make('span', {}, String(w.slot)), ...(w.pid ? [under(`pid ${w.pid}`)] : [])],
		[pill(w.state)],
		{n: w.uptime_s},
		{n: [w.cpu === undefined ? '–' : `${(100 * w.cpu).toFixed(1)} %`, ...(known(w.cpu_s) ? [under(`${span(w.cpu_s)} in all`)] : [])]},
		{n: bytes(w.memory_bytes)},
		deathsOf(w),
	]));
}

// A long name may go on in the next line after a dot.
const breakable = (name) => String(name).split(/(?<=[.])/).flatMap((part, i) => (i > 0 ? [make('wbr'), part] : [part]));

// Rows with a bar for the share; `of` is what a whole bar means, the largest if not told.
function showBars(table, items, empty, of) {
	const most = of ?? Math.max(0, ...items.map((x) => x.count)), whole = of ?? sum(items, 'count');
	showEmpty(table, items.length === 0 ? empty : undefined);
	fill(table.tBodies[0], items.map((x) => ({...x, part: most > 0 ? x.count / most : 0, share: percent(x.count, whole)})), (x) => {
		const bar = make('span', {class: `bar ${x.kind ?? ''}`});
		bar.style.width = `${(100 * x.part).toFixed(2)}%`;
		return make('tr', {role: 'row'}, make('th', {scope: 'row', role: 'rowheader'}, ...breakable(x.name), ...(x.more ? [' ', under(x.more)] : [])),
			make('td', {class: 'share', role: 'cell'}, make('span', {class: 'track'}, bar), make('span', {class: 'unseen'}, x.share)),
			make('td', {class: 'n', role: 'cell'}, count(x.count), ' ', ...(x.quiet ? [] : [under(x.share)])));
	});
}

const byCount = (a, b) => b.count - a.count;

function showShares(s) {
	const answers = Object.entries(s.responses ?? {}).map(([name, n]) => ({name, count: n, kind: name === 'SERVFAIL' ? 'bad' : ''}))
		.filter((x) => x.count > 0).sort(byCount);
	showBars($('answer-table'), answers, 'No answers yet.', sum(answers, 'count'));
	const doors = (s.queries ?? []).map((q) => ({name: `${q.protocol.toUpperCase()}, ${q.family.replace('ipv', 'IPv')}`, count: q.count}))
		.filter((x) => x.count > 0).sort(byCount);
	showBars($('door-table'), doors, 'No questions yet.', sum(doors, 'count'));
	const lists = (s.lists ?? []).map((l) => ({
		name: String(l.file).split('/').at(-1), more: `${l.kind ? `${l.kind}, ` : ''}${times(l.names, 'name')}`, count: l.hits, quiet: true,
	})).sort(byCount).slice(0, 12);
	showBars($('list-table'), lists, 'No lists are configured (policy.block_lists).');
}

function showTop(s) {
	const since = s.top?.span_s === undefined ? '' : ` of the last ${span(s.top.span_s)}`, none = 'No questions yet.';
	const top = (list, key) => (list ?? []).map((x) => ({name: x[key], count: x.count, quiet: true})).slice(0, 12);
	showBars($('name-table'), top(s.top?.names, 'name'),
		s.top ? none : 'Not recorded. Which names are asked for, and by whom, is kept only with log.queries = true.');
	showBars($('client-table'), top(s.top?.clients, 'client'), none);
	setText($('names'), s.top ? `Most asked names${since}` : 'Names and clients');
	setText($('clients'), `Busiest clients${since}`);
	$('clients').parentNode.hidden = !s.top;
	$('names').parentNode.classList.toggle('whole', !s.top);
}

// --- the last hour ----------------------------------------------------------------------------------------------------------

function sayRates(points) {
	if (points.length === 0)
		return 'No data for the last hour yet.';
	const all = points.map((p) => p.qps);
	return `Questions per second over the last hour: ${rate(all.at(-1))} now, ${rate(Math.min(...all))} at least, ${rate(Math.max(...all))} at most.`;
}

function sayTimes(points) {
	const timed = points.filter((p) => known(p.p50));
	if (timed.length === 0)
		return 'No answers in the last hour yet.';
	const last = timed.at(-1), worst = Math.max(...timed.map((p) => p.p99 ?? 0));
	return `Time to answer over the last hour: lately half within ${millis(last.p50)} and 99 percent within ${millis(last.p99)}; at worst 99 percent within ${millis(worst)}.`;
}

const rates = new Chart({
	id: 'rate-chart', title: 'Questions per second', note: 'by where the answer came from', stacked: true, say: sayRates,
	series: [{key: 'cached', label: 'Cache'}, {key: 'asked', label: 'Upstream'}, {key: 'listed', label: 'Blocked'}, {key: 'other', label: 'Other'}],
});
const delays = new Chart({
	id: 'time-chart', title: 'Time to answer', note: 'logarithmic scale', logarithmic: true, say: sayTimes,
	series: [{key: 'p50', label: 'Half within'}, {key: 'p99', label: '99 % within'}],
});

function showHourTable(points) {
	const slices = new Map();
	for (const p of points.filter((x) => x.end !== undefined)) {
		const from = Math.floor(p.t / 300) * 300;
		slices.set(from, [...(slices.get(from) ?? []), p]);
	}
	const most = (list, key) => Math.max(...list.map((p) => p[key] ?? -1));
	const middle = (list) => list.map((p) => p.p50).filter(known).sort((a, b) => a - b)[Math.floor(list.filter((p) => known(p.p50)).length / 2)];
	const rows = [...slices].reverse().map(([from, list]) => [atClock(from), ...['queries', 'hits', 'misses', 'blocked', 'servfail']
		.map((key) => count(sum(list, key))), millis(middle(list)), most(list, 'p99') < 0 ? '–' : millis(most(list, 'p99'))]);
	fill($('hour-table').tBodies[0], rows, (cells) => make('tr', {}, ...cells.map((text, i) =>
		make(i === 0 ? 'th' : 'td', i === 0 ? {scope: 'row'} : {class: 'n'}, text))));
}

// --- what is said aloud -----------------------------------------------------------------------------------------------------

function tellNews(before, s) {
	const news = [];
	const old = new Map((before.upstreams ?? []).map((u) => [host(u.address, u.port), u.state]));
	for (const u of s.upstreams ?? []) {
		const was = old.get(host(u.address, u.port));
		if (was !== undefined && was !== u.state)
			news.push(`Upstream ${place(u)} is ${u.state}${u.why ? `: ${u.why}` : ''}.`);
	}
	const died = new Map((before.workers ?? []).map((w) => [w.slot, w.deaths]));
	for (const w of s.workers ?? [])
		if (w.deaths > (died.get(w.slot) ?? w.deaths))
			news.push(`Worker ${w.slot} died${w.last_death ? `: ${w.last_death}` : ''}.`);
	if (news.length > 0)
		setText($('news'), news.join(' '));
}

// --- all of it --------------------------------------------------------------------------------------------------------------

function show(s) {
	if (status)
		tellNews(status, s);
	status = s;
	takeSample(s);
	const points = pointsOf(s), minute = lately(s, points, 60), now = points.at(-1);
	showVerdict(s, minute);
	showTiles(s, now, minute);
	const range = RANGES_S.find((r) => !(points[0]?.t < s.now - r)) ?? HOUR_S;
	rates.show(points, s.now, range);
	delays.show(points, s.now, range);
	setText($('hour'), range === HOUR_S ? 'The last hour' : `The last ${range / 60} minutes`);
	showHourTable(points);
	showUpstreams(s);
	showWorkers(s);
	showShares(s);
	showCache(s);
	showTop(s);
	showProcess(s);
}

// How old what is shown is, and whether more will come.
function showFreshness(trouble) {
	const age = heard > 0 ? performance.now() - heard : undefined, old = age === undefined || age > OLD_MS;
	if (trouble !== undefined) {
		const shown = age === undefined ? 'Nothing could be read yet.' : `What you see is ${span(age / 1000)} old.`;
		setText($('lost'), `${trouble} ${shown} Trying again.`);
	}
	$('lost').hidden = trouble === undefined;
	document.body.dataset.link = trouble !== undefined ? 'lost' : heard === 0 ? 'waiting' : old ? 'old' : 'live';
	setText($('fresh'), heard === 0 ? 'Loading…' : trouble !== undefined ? 'Not connected' : old ? `${span(age / 1000)} old` : 'Live');
}

let timer, trouble, misses = 0;

async function poll() {
	clearTimeout(timer);
	const first = heard === 0;
	try {
		const answer = await fetch('status.json', {cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS)});
		if (!answer.ok)
			throw new Error(answer.status === 401 || answer.status === 403 ? 'This page may not be read any more.' : `The daemon answered HTTP ${answer.status}.`);
		const fresh = await answer.json();
		heard = performance.now();
		trouble = undefined;
		misses = 0;
		show(fresh);
	} catch (e) {
		misses++;
		const words = e instanceof TypeError || e.name === 'TimeoutError' || e.name === 'AbortError' ? 'The connection to the daemon is lost.' : e.message;
		// once is nothing: a reload replaces the process that answers here
		if (misses > 1)
			trouble = words;
	}
	showFreshness(trouble);
	if (!document.hidden)
		timer = setTimeout(poll, misses === 1 ? POLL_MS / 4 : first && heard > 0 ? POLL_MS / 2 : POLL_MS);
}

$('charts').append(rates.figure, delays.figure);
// Where these are folded up, browsers would take them for something else than tables.
for (const table of document.querySelectorAll('.cards, .bars')) {
	table.setAttribute('role', 'table');
	for (const [what, role] of [['thead, tbody', 'rowgroup'], ['tr', 'row'], ['thead th', 'columnheader']])
		table.querySelectorAll(what).forEach((e) => e.setAttribute('role', role));
}
document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : poll()));
setInterval(() => document.hidden || showFreshness(trouble), 1000);
poll();
