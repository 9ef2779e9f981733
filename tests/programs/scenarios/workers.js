// SPDX-License-Identifier: MIT
// Workers with heaps of their own, shared memory, WebAssembly memory that grows.
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');

if (isMainThread) {
	const shared = new SharedArrayBuffer(1 << 20);
	let open = 12, sum = 0;
	for (let i = 0; i < 12; i++) {
		const worker = new Worker(__filename, { workerData: { shared, i } });
		worker.on('message', (part) => { sum += part; });
		worker.on('error', (error) => { throw error; });
		worker.on('exit', () => { if (--open === 0) console.log(sum, new Int32Array(shared)[0]); });
	}
} else {
	const counters = new Int32Array(workerData.shared);
	const memory = new WebAssembly.Memory({ initial: 1, maximum: 400 });
	let kept = [], sum = 0;
	for (let round = 0; round < 120; round++) {
		kept.push(Buffer.alloc(100000 + round * 1000, round), new Array(2000).fill(round).map((x) => ({ x })));
		if (kept.length > 60)
			kept = kept.slice(40);
		memory.grow(3);
		sum += kept.length + memory.buffer.byteLength;
		Atomics.add(counters, 0, 1);
	}
	parentPort.postMessage(sum);
}
