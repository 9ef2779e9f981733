/* SPDX-License-Identifier: MIT */
/* Grows and moves a mapping. Prints the number of mremap calls. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(void)
{
	size_t size = 4096;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 200; i++) {
		at[size - 1] = 1;
		at = mremap(at, size, size + 4096, MREMAP_MAYMOVE);
		if (at == MAP_FAILED)
			abort();
		size += 4096;
	}
	for (int i = 0; i < 100; i++) {
		at = mremap(at, size, size - 4096, 0);
		if (at == MAP_FAILED)
			abort();
		size -= 4096;
	}
	puts("mremap 300");
	return 0;
}
