/* SPDX-License-Identifier: MIT */
/* Maps and unmaps where the recorder has its own memory, by hints as V8 draws them; prints how many calls it made. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS = 64 };

int main(void)
{
	const uint64_t slot = UINT64_C(0x3e0000000000), size = UINT64_C(0x1000000000);
	int mapped = 0, unmapped = 0;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		void *hint = (void *)(uintptr_t)(slot + (i * 7919 + 13) % (size >> 16) * 65536 + size / ROUNDS * i % size);
		char *at = mmap(hint, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			abort();
		mapped++;
		at[0] = 1;
		if (mprotect(at + 4096, 4096, PROT_READ))
			abort();
		if (i % 2)
			continue;
		if (munmap(at, 65536))
			abort();
		unmapped++;
	}
	printf("mmap %d\nmunmap %d\nmprotect %d\n", mapped, unmapped, mapped);
	return 0;
}
