/* SPDX-License-Identifier: MIT */
/* Loads and unloads a library; prints the least number of mmap and munmap calls that takes. */
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
	for (int i = 0; i < 5; i++) {
		void *library = dlopen("libz.so.1", RTLD_NOW);

		if (!library)
			return 77;
		dlclose(library);
	}
	printf("mmap %d\nmunmap %d\n", 5 * 4, 5);
	return 0;
}
