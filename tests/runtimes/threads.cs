// SPDX-License-Identifier: MIT
// A JIT and a collector that stops threads by signals; a fault that becomes an exception.
using System;
using System.Threading;

class Program {
	class Node { public Node Next; public byte[] Ballast = new byte[100]; }

	static long total;

	static void Work() {
		for (int round = 0; round < 20; round++) {
			Node list = null;
			long length = 0;
			for (int i = 0; i < 5000; i++)
				list = new Node { Next = list };
			for (; list != null; list = list.Next)
				length++;
			Interlocked.Add(ref total, length);
		}
	}

	static int Main() {
		var threads = new Thread[4];
		int caught = 0;
		for (int i = 0; i < threads.Length; i++) {
			threads[i] = new Thread(Work);
			threads[i].Start();
		}
		foreach (var thread in threads)
			thread.Join();
		GC.Collect();
		for (int i = 0; i < 10; i++) {
			try { Node nothing = null; nothing.Next = null; } catch (NullReferenceException) { caught++; }
		}
		Console.WriteLine(total + " " + caught);
		return 2;
	}
}
