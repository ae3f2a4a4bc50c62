// What is claimed of the status page. Each claim is a line; nothing waits for a guessed time, only for what can be seen.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import {chromium} from 'playwright-core';
import {Load} from './load.mjs';

const {PAGE, DNS_PORT, FIRST, CONFIG, SHOTS, CHROMIUM, WORK} = process.env;
let MASTER = Number(process.env.MASTER); // another one after an upgrade
const QPS = 300, PATIENCE_MS = 20000 * Number(process.env.PATIENCE ?? 1);
const axe = fs.readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const complaints = [], strangers = [];
let failures = 0, number = 0;

async function claim(text, body) {
	number++;
	try {
		const more = await body();
		console.log(`ok ${number} - ${text}${more ? `: ${more}` : ''}`);
	} catch (e) {
		failures++;
		console.log(`not ok ${number} - ${text}\n# ${String(e.message).replaceAll('\n', '\n# ')}`);
	}
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, body) {
	const end = performance.now() + PATIENCE_MS;
	let last;
	while (performance.now() < end) {
		if ((last = await body()))
			return last;
		await sleep(50);
	}
	throw new Error(`waited in vain for: ${what}`);
}

const browser = await chromium.launch({
	executablePath: CHROMIUM,
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync'],
});

async function open({width = 1280, height = 900, ...options} = {}) {
	const page = await browser.newPage({viewport: {width, height}, ...options});
	page.on('console', (m) => ['error', 'warning'].includes(m.type()) && !page.mayComplain && complaints.push(`${m.type()}: ${m.text()}`));
	page.on('pageerror', (e) => complaints.push(e.message));
	page.on('request', (r) => !r.url().startsWith(PAGE) && !r.url().startsWith('data:') && strangers.push(r.url()));
	return page;
}

const live = (page) => page.waitForSelector('body[data-link=live]', {timeout: PATIENCE_MS});
const text = (page, selector) => page.locator(selector).innerText();

// A connection that was kept may end with the process that served it, when a reload replaces that.
async function json(tries = 3) {
	try {
		return await (await fetch(`${PAGE}status.json`)).json();
	} catch (e) {
		if (tries === 0)
			throw e;
		await sleep(100);
		return json(tries - 1);
	}
}

const tile = (page, name) => text(page, `.tiles > div:has(dt:text-is("${name}")) .big`);

async function shot(page, name) {
	if (SHOTS)
		await page.screenshot({path: `${SHOTS}/${name}.png`, fullPage: true});
}

async function accessible(page) {
	await page.evaluate(axe);
	const {violations, passes} = await page.evaluate(() => window.axe.run());
	assert.deepEqual(violations.map((v) => `${v.impact}: ${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`), []);
	return `${passes.length} rules of axe-core pass`;
}

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

// --- nobody has asked anything yet ------------------------------------------------------------------------------------------

const page = await open();
await page.goto('about:blank'); // the browser's own beginning is not the page's

await claim('is there in less than a second, with numbers', async () => {
	const all = [];
	for (let i = 0; i < 5; i++) {
		const begun = performance.now();
		await page.goto(PAGE);
		await live(page);
		all.push(Math.round(performance.now() - begun));
	}
	// the quickest: whatever else the machine does can only make it longer
	const told = `${all.join(', ')} ms`;
	assert.ok(Math.min(...all) < 1000, told);
	return told;
});

await claim('comes with a policy that allows itself and nothing else', async () => {
	const answer = await fetch(PAGE), policy = answer.headers.get('content-security-policy');
	assert.match(policy, /default-src 'none'/);
	assert.doesNotMatch(policy, /unsafe|\*/);
	assert.ok((await answer.text()).length < 60 * 1024);
	return page.evaluate(() => {
		document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.foreign = true'}));
		document.body.lastChild.remove();
		if (window.foreign)
			throw new Error('a foreign script ran');
	});
});
complaints.length = 0; // that script's

await claim('says how to begin where nobody has asked yet', async () => {
	assert.match(await text(page, '.verdict'), new RegExp(`No questions yet.*dig @127\\.0\\.0\\.1 -p ${DNS_PORT}`, 's'));
	assert.match(await text(page, '#rate-chart'), /Nothing to show yet/);
	assert.match(await text(page, 'section:has(> #names)'), /Not recorded/);
	assert.equal(await page.locator('section:has(> #clients)').isVisible(), false);
	await shot(page, 'empty');
});

// --- load -------------------------------------------------------------------------------------------------------------------

let load = new Load(DNS_PORT, QPS);

await claim('shows the rate that is asked at', () => until(`about ${QPS} per second`, async () => {
	const shown = Number((await tile(page, 'Questions per second')).replace(',', ''));
	return shown > QPS * 0.8 && shown < QPS * 1.2 && `${shown} shown, ${QPS} asked`;
}));

await claim('has charts that move', async () => {
	const line = () => page.locator('#rate-chart .series.cached .line').first().getAttribute('d');
	const before = await line();
	await until('another line', async () => (await line()) !== before);
	const delay = () => page.locator('#time-chart .series.p50 .line').first().getAttribute('d');
	const delayed = await until('a line of delays', () => delay());
	await until('another line of delays', async () => (await delay()) !== delayed);
});

// In microseconds; what is less than one of them is one.
const micros = (said) => {
	const [, number, unit] = /([\d.]+) (µs|ms|s)/.exec(said);
	return number * {µs: 1, ms: 1000, s: 1e6}[unit];
};

await claim('has room for what takes a few microseconds', async () => {
	const legend = await text(page, '#time-chart .legend .p50'), ticks = await page.locator('#time-chart .axes text[text-anchor=end]').allTextContents();
	assert.ok(micros(legend) < 50, legend);
	assert.ok(Math.min(...ticks.map(micros)) <= micros(legend), `${legend}, at ${ticks}`);
	return `${legend.trim()}, at ${ticks.join(', ')}`;
});

await claim('keeps steps of ten seconds as history', async () => {
	await until('two points', async () => (await json()).history.points.length >= 2);
	await page.locator('summary').click();
	await until('a row', async () => (await page.locator('#hour-table tbody tr').count()) > 0);
	await page.locator('summary').click();
});

await claim('counts what the load generator sent', async () => {
	load.end();
	const {sent} = load;
	await until(`${sent} questions`, async () => (await json()).counters.queries === sent);
	await until('the same on the page', async () => (await text(page, '#door-table')).includes(sent.toLocaleString('en')));
	load = new Load(DNS_PORT, QPS);
	return `${sent}`;
});

await claim('shows upstreams, workers, lists and answers', async () => {
	assert.match(await text(page, '#upstream-table'), /first\s+127\.0\.0\.1:\d+\s+up/);
	assert.equal(await page.locator('#worker-table tbody tr').count(), 2);
	assert.match(await text(page, '#list-table'), /ads\.txt\s+block, 2 names/);
	assert.match(await text(page, '#answer-table'), /NOERROR/);
	assert.match(await text(page, '#verdict'), /All is well/);
});

await claim('names nobody', async () => {
	assert.doesNotMatch(await page.content(), /often\d|ads\.example/);
	assert.doesNotMatch(JSON.stringify(await json()), /often\d|ads\.example/);
});

await claim('is accessible in light', () => accessible(page));
await shot(page, 'light');

for (const [name, options] of [['dark', {colorScheme: 'dark'}], ['phone', {width: 360, height: 740}],
	['phone-dark', {width: 360, height: 740, colorScheme: 'dark'}], ['calm', {reducedMotion: 'reduce', width: 760}]]) {
	const other = await open(options);
	await other.goto(PAGE);
	await live(other);
	await until('workers with CPU', async () => /[\d.]+ %/.test(await text(other, '#worker-table')));
	await claim(`is accessible and fits: ${name}`, async () => {
		assert.ok(await fits(other), 'it is wider than the screen');
		return accessible(other);
	});
	await shot(other, name);
	await other.close();
}

await claim('stands still for who wants no motion', async () => {
	const other = await open({reducedMotion: 'reduce'});
	await other.goto(PAGE);
	await live(other);
	assert.equal(await other.evaluate(() => document.getAnimations().length), 0);
	await other.close();
});

// --- keyboard ---------------------------------------------------------------------------------------------------------------

await claim('can be used by keyboard', async () => {
	const other = await open();
	await other.goto(PAGE);
	await live(other);
	await until('points', async () => Number(await other.locator('#rate-chart .slider').getAttribute('aria-valuemax')) >= 2);
	const focused = () => other.evaluate(() => document.activeElement.className || document.activeElement.tagName);
	const way = [];
	await other.keyboard.press('Tab');
	way.push(await focused());
	await other.keyboard.press('Enter');
	assert.equal(await other.evaluate(() => document.activeElement.id), 'main');
	await other.keyboard.press('Tab');
	way.push(await focused());
	const slider = other.locator('#rate-chart .slider');
	const now = await slider.getAttribute('aria-valuetext');
	assert.match(now, /^\d\d:\d\d:\d\d: Cache .* Upstream /);
	await other.keyboard.press('Home');
	assert.notEqual(await slider.getAttribute('aria-valuetext'), now);
	assert.equal(await slider.getAttribute('aria-valuenow'), '0');
	await other.keyboard.press('ArrowRight');
	assert.equal(await slider.getAttribute('aria-valuenow'), '1');
	assert.ok(await other.locator('#rate-chart .tip').isVisible());
	assert.ok(await other.evaluate(() => document.activeElement.matches(':focus-visible')));
	await shot(other, 'keyboard');
	await other.keyboard.press('Escape');
	assert.ok(!await other.locator('#rate-chart .tip').isVisible());
	await other.keyboard.press('Tab');
	await other.keyboard.press('Tab');
	way.push(await focused());
	await other.keyboard.press('Enter');
	assert.ok(await other.locator('#hour-table').isVisible());
	await other.close();
	assert.deepEqual(way, ['skip', 'slider', 'SUMMARY']);
});

// --- what goes wrong ----------------------------------------------------------------------------------------------------------

await claim('tells of a worker that was killed', async () => {
	const {pid, slot} = (await json()).workers[0];
	process.kill(pid, 'SIGKILL');
	await until('its death', async () => /1 × killed \(SIGKILL\)|1\s+killed/.test(await text(page, '#worker-table')));
	await until('its successor', async () => !(await text(page, '#worker-table')).includes(`pid ${pid}`));
	await until('it said aloud', async () => (await page.locator('#news').innerText()).includes(`Worker ${slot} died`));
	return (await page.locator('#news').innerText()).trim();
});

await claim('tells of an upstream that is down, and why', async () => {
	process.kill(FIRST, 'SIGKILL');
	const reason = await until('it down', async () => {
		const row = await text(page, '#upstream-table tbody tr:first-child');
		return /\bdown\b/.test(row) && /refused|connect/.test(row) && row.replaceAll(/\s+/g, ' ');
	});
	await until('it in the verdict', async () => /first 127\.0\.0\.1:\d+ is down: \S/.test(await text(page, '.verdict')));
	await shot(page, 'down');
	await shot(await (async () => {
		const other = await open({width: 360, height: 740});
		await other.goto(PAGE);
		await live(other);
		return other;
	})(), 'down-phone');
	return reason;
});

// SIGHUP with another configuration; what the page says is the proof that it was taken.
async function reload(queries) {
	const {generation} = await json();
	fs.writeFileSync(CONFIG, fs.readFileSync(CONFIG, 'utf8').replace(/queries = \w+/, `queries = ${queries}`));
	process.kill(MASTER, 'SIGHUP');
	await until('another generation', async () => (await json()).generation > generation);
}

await claim('keeps its history over a reload', async () => {
	const before = (await json()).history.points;
	await reload(true);
	const after = (await json()).history.points;
	assert.ok(after.length >= before.length, `${before.length} points before, ${after.length} after`);
	assert.ok(Math.abs(after[0].t - before[0].t) < 0.1, 'the first one is another');
	await live(page);
	return `${before.length} points, ${after.length} after it`;
});

await claim('keeps its history over an upgrade', async () => {
	const before = (await json()).history.points;
	process.kill(MASTER, 'SIGUSR2');
	MASTER = await until('another master', async () => {
		const {pid, state} = await json();
		return state === 'serving' && pid !== MASTER && pid;
	});
	const after = (await json()).history.points;
	assert.ok(after.length >= before.length, `${before.length} points before, ${after.length} after`);
	assert.ok(Math.abs(after[0].t - before[0].t) < 0.1, 'the first one is another');
	await until('it on the page', async () => (await text(page, '#process-facts')).includes(`${MASTER}`));
	await live(page);
	return `${before.length} points, ${after.length} after it`;
});

await claim('names names and clients where log.queries says so, as text', async () => {
	load.ask('<img src=x onerror=alert(1)>.example');
	await until('names', async () => /often\d\.\s*example/.test(await text(page, 'section:has(> #names)')));
	await until('clients', async () => (await text(page, 'section:has(> #clients)')).includes('127.0.0.1'));
	assert.equal(await page.locator('img').count(), 0);
	await shot(page, 'names');
});

await claim('forgets them when it is switched off', async () => {
	await reload(false);
	await until('no names', async () => !/often\d/.test(await text(page, 'main')));
	assert.doesNotMatch(JSON.stringify(await json()), /often\d/);
	await reload(true);
	let top;
	await until('names again', async () => (top = (await json()).top) !== undefined);
	assert.ok(sumOf(top.names) < QPS * 20, 'names of before are back');
});

function sumOf(list) {
	return list.reduce((all, x) => all + x.count, 0);
}

await claim('asks for nothing while nobody looks', async () => {
	const hide = (hidden) => page.evaluate((to) => {
		Object.defineProperty(document, 'hidden', {configurable: true, get: () => to});
		document.dispatchEvent(new Event('visibilitychange'));
	}, hidden);
	await hide(true);
	await sleep(500); // what is under way may end
	let asked = 0;
	page.on('request', () => asked++);
	await sleep(4500); // two more would be due
	assert.equal(asked, 0);
	await hide(false);
	await until('a question again', () => asked > 0);
});

await claim('says that the connection is lost, and comes back', async () => {
	page.mayComplain = true;
	const {pid} = (await json()).helpers?.find((h) => h.name === 'exporter') ?? {};
	process.kill(MASTER, 'SIGSTOP');
	process.kill(pid, 'SIGKILL');
	await page.waitForSelector('body[data-link=lost]', {timeout: PATIENCE_MS});
	await until('how old it is', async () => /connection to the daemon is lost.*is \d+ s old/.test(await text(page, '#lost')))
		.catch(async (e) => assert.fail(`${e.message}: ${await text(page, '#lost')}`));
	await shot(page, 'lost');
	process.kill(MASTER, 'SIGCONT');
	await live(page);
	assert.equal(await page.locator('#lost').isVisible(), false);
	page.mayComplain = false;
});

await claim('asked nobody but its own origin', () => assert.deepEqual(strangers, []));
await claim('has nothing to complain of', () => assert.deepEqual(complaints, []));

load.end();
await browser.close();
console.log(`1..${number}`);
process.exitCode = failures > 0 ? 1 : 0;
