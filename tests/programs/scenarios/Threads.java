// SPDX-License-Identifier: MIT
// Threads that fill the heap and let it go, code that is compiled while it runs, mapped files, direct buffers.
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

class Threads {
	static long work(int seed) throws Exception {
		List<byte[]> kept = new ArrayList<>();
		long sum = 0;
		for (int round = 0; round < 200; round++) {
			byte[] block = new byte[1000 + (round * 7919 + seed * 104729) % 300000];
			for (int i = 0; i < block.length; i += 64)
				sum += block[i] = (byte) (i ^ round);
			kept.add(block);
			if (kept.size() > 40)
				kept.subList(0, 20).clear();
			ByteBuffer direct = ByteBuffer.allocateDirect(1 << 16);
			direct.putInt(0, round);
			sum += direct.getInt(0);
		}
		Path path = Files.createTempFile("vmascope", ".map");
		try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
			ByteBuffer map = file.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
			for (int i = 0; i < 1 << 20; i += 4096)
				map.put(i, (byte) seed);
		}
		Files.delete(path);
		return sum;
	}

	public static void main(String[] args) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(16);
		List<Future<Long>> parts = new ArrayList<>();
		for (int i = 0; i < 64; i++) {
			int seed = i;
			parts.add(pool.submit((Callable<Long>) () -> work(seed)));
		}
		long sum = 0;
		for (Future<Long> part : parts)
			sum += part.get();
		pool.shutdown();
		System.gc();
		System.out.println(sum);
	}
}
