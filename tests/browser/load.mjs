// Questions by UDP, at a steady rate, from a bag of names: some again and again, some new each time, some blocked.

import dgram from 'node:dgram';

function message(id, name) {
	const labels = name.split('.').filter((label) => label !== '');
	const parts = [Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])];
	for (const label of labels)
		parts.push(Buffer.from([label.length]), Buffer.from(label));
	parts.push(Buffer.from([0, 0, 1, 0, 1]));
	return Buffer.concat(parts);
}

// Begins at once. Of ten questions eight are for a few names, one is new, one is blocked. `sent` and `answered` count.
export class Load {
	constructor(port, perSecond) {
		this.sent = this.answered = 0;
		this.socket = dgram.createSocket('udp4');
		this.socket.on('message', () => this.answered++);
		this.socket.on('error', () => {});
		this.port = port;
		const begun = performance.now(), before = () => Math.floor((performance.now() - begun) / 1000 * perSecond);
		let given = 0;
		this.timer = setInterval(() => {
			for (const due = before(); given < due; given++)
				this.ask(this.name(given));
		}, 20);
	}

	name(i) {
		return i % 10 === 8 ? `new${i}.example` : i % 10 === 9 ? (i % 30 === 9 ? 'malware.example' : 'ads.example') : `often${i % 7}.example`;
	}

	ask(name) {
		this.sent++;
		this.socket.send(message(this.sent & 65535, name), this.port, '127.0.0.1');
	}

	end() {
		clearInterval(this.timer);
		this.socket.close();
	}
}
