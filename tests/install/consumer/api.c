/* SPDX-License-Identifier: MIT */
/* Speaks to the recorder; without one every answer is -1. */
#include <stdio.h>
#include <sys/mman.h>

#include <vmascope/vmascope.h>

int main(void)
{
	int marked = vmsc_mark("hello"), paused = vmsc_pause(), resumed = vmsc_resume(),
	    checked = vmsc_check_now();

	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%d %d %d %d\n", marked, paused, resumed, checked);
	return 0;
}
