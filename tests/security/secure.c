/* SPDX-License-Identifier: MIT */
/* Says whether it has more rights than its caller, whether mmap works, and what the recorder answers. */
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "vmascope/vmascope.h"

int main(void)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	printf("%lu %s %d\n", getauxval(AT_SECURE), at == MAP_FAILED ? "failed" : "mapped", vmsc_mark("x"));
	return 0;
}
