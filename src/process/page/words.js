// How things are said: numbers with their units, times, the words for a state. Nothing here touches the page.

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const clock = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const seconds = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const day = new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23'});

const known = (n) => typeof n === 'number' && Number.isFinite(n);
const count = (n) => (known(n) ? whole.format(n) : '–');

// 1 234, 12.3 k, 4.56 M: three digits say enough.
function short(n) {
	if (!known(n))
		return '–';
	for (const [size, unit] of [[1e9, ' G'], [1e6, ' M'], [1e4, ' k']])
		if (n >= size) {
			const scaled = n / (unit === ' k' ? 1e3 : size);
			return scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0) + unit;
		}
	return whole.format(n);
}

function rate(n) {
	if (!known(n))
		return '–';
	return n > 0 && n < 10 ? n.toFixed(n < 1 ? 2 : 1) : short(n);
}

function percent(part, all) {
	if (!known(part) || !known(all) || all <= 0)
		return '–';
	const p = 100 * part / all;
	if (p === 0 || p === 100)
		return `${p} %`;
	if (p < 0.01)
		return '< 0.01 %';
	if (p > 99.99)
		return '> 99.99 %';
	return `${p < 1 || p > 99 ? p.toFixed(2) : p.toFixed(1)} %`;
}

function millis(ms) {
	if (!known(ms))
		return '–';
	if (ms >= 10000)
		return `${(ms / 1000).toFixed(1)} s`;
	if (ms >= 1000)
		return `${(ms / 1000).toFixed(2)} s`;
	if (ms >= 100)
		return `${ms.toFixed(0)} ms`;
	if (ms >= 1)
		return `${ms.toFixed(1)} ms`;
	return ms < 0.001 ? '< 1 µs' : `${Math.round(ms * 1000)} µs`;
}

// Round times, as at the side of a chart: 10 ms.
const roundMillis = (ms) => (ms >= 1000 ? `${ms / 1000} s` : ms >= 1 ? `${Math.round(ms)} ms` : `${Math.round(ms * 1000)} µs`);

function bytes(n) {
	if (!known(n))
		return '–';
	let unit = 0;
	for (; n >= 1000 && unit < 4; unit++)
		n /= 1024;
	return `${unit === 0 || n >= 100 ? n.toFixed(0) : n.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

// The two largest units: 3 d 4 h.
function span(s) {
	if (!known(s))
		return '–';
	s = Math.max(0, Math.floor(s));
	const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
	const first = units.findIndex(([size]) => s >= size);
	if (first < 0)
		return '0 s';
	const [size, unit] = units[first];
	const rest = units[first + 1], more = rest ? Math.floor((s % size) / rest[0]) : 0;
	return `${Math.floor(s / size)} ${unit}${more > 0 ? ` ${more} ${rest[1]}` : ''}`;
}

const times = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
const atClock = (t) => clock.format(t * 1000);
const atSecond = (t) => seconds.format(t * 1000);
const atDay = (t) => day.format(t * 1000);
const host = (address, port) => (String(address).includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

// Which of three moods a word of a state has. A word that is not known here is told as it is, without one.
function mood(state) {
	if (/^(up|serving|ready|well|ok)$/.test(state))
		return 'good';
	if (/^(down|dead|failed|backed off)$/.test(state))
		return 'bad';
	if (/^(degraded|starting|draining|stopping|due|probed|born|waiting)$/.test(state))
		return 'fair';
	return 'plain';
}

// What a signal's name or number says to a person.
function signalWord(name) {
	const meaning = {SIGKILL: 'killed', SIGSEGV: 'crashed', SIGABRT: 'aborted', SIGBUS: 'crashed', SIGTERM: 'ended'}[name];
	return meaning ? `${meaning} (${name})` : String(name);
}

// The time that a part of the counted did not exceed, from buckets that say how many took up to `le_s`; in milliseconds.
function quantile(now, before, q) {
	const old = new Map((before?.buckets ?? []).map((b) => [b.le_s, b.count]));
	const grown = (b) => b.count - (before ? old.get(b.le_s) ?? 0 : 0);
	const buckets = now.buckets ?? [];
	const all = now.count - (before?.count ?? 0);
	if (!(all > 0))
		return undefined;
	let low = 0, below = 0;
	for (const bucket of buckets) {
		const upTo = grown(bucket);
		if (!known(bucket.le_s))
			break;
		if (upTo >= q * all)
			return 1000 * (low + (bucket.le_s - low) * (q * all - below) / Math.max(1, upTo - below));
		low = bucket.le_s;
		below = upTo;
	}
	return 1000 * low;
}

// Two histograms as one.
function joined(a, b) {
	if (!a || !b)
		return a ?? b;
	return {
		count: a.count + b.count,
		buckets: a.buckets.map((x, i) => ({le_s: x.le_s, count: x.count + (b.buckets[i]?.count ?? 0)})),
	};
}
