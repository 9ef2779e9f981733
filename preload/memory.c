/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. */
#include "memory.h"

#include <string.h>

#include "sys.h"

#include "inject.h"

static char text[4096] = { 0 }; /* under the recorder's lock */
static uint64_t huge_page = 0;

/* The number of the line that begins with @name, in bytes; 0: there is none. */
static uint64_t line(const char *name)
{
	size_t length = strlen(name);
	uint64_t kib = 0;

	for (const char *at = text; *at; at++) {
		if ((at != text && at[-1] != '\n') || strncmp(at, name, length))
			continue;
		for (at += length; *at == ' '; at++)
			;
		for (; *at >= '0' && *at <= '9'; at++)
			kib = kib * 10 + (uint64_t)(*at - '0');
		return kib << 10;
	}
	return 0;
}

void vmsc_memory_look(struct vmsc_memory_tail *tail, bool at_refusal, bool admin)
{
	uint64_t kept = admin ? 0 : vmsc_sys_number("/proc/sys/vm/admin_reserve_kbytes", 0) << 10;
	long length = vmsc_sys_slurp("/proc/meminfo", text, sizeof(text));
	uint64_t limit;

	memset(tail, 0, sizeof(*tail));
	if (length <= 0)
		return;
	huge_page = line("Hugepagesize:");
	tail->huge_page_size = huge_page;
	tail->commit_most = line("MemTotal:") + line("SwapTotal:");
	if (!at_refusal)
		return;
	limit = line("CommitLimit:");
	tail->commit_limit = limit > kept ? limit - kept : 1;
	tail->committed = line("Committed_AS:");
	tail->commit_reserve = vmsc_sys_number("/proc/sys/vm/user_reserve_kbytes", 0) << 10;
}

uint64_t vmsc_memory_huge_page(void)
{
	return huge_page;
}
