/* SPDX-License-Identifier: MIT */
/*
 * layout_say.c - writes a step in the words of the drawing language. Entry point: layout_say().
 */
#include "layout_plan.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

static void say_pages(FILE *out, uint64_t bytes)
{
	fprintf(out, "%lld", (long long)((int64_t)bytes >> VMSC_PAGE_SHIFT));
	if (bytes & (VMSC_PAGE_SIZE - 1))
		fprintf(out, ":%d", (int)(bytes & (VMSC_PAGE_SIZE - 1)));
}

static void say_range(FILE *out, const char *verb, uint64_t addr, uint64_t len)
{
	fprintf(out, "%s ", verb);
	say_pages(out, addr - LAYOUT_BASE);
	fprintf(out, "+");
	say_pages(out, len);
}

static void say_mmap(FILE *out, const struct vmsc_call *call)
{
	static const char *const files[] = {"",
#define X(name, kind, mode) #name,
					    LAYOUT_FILES(X)
#undef X
	};
	static const struct {
		uint64_t flag;
		const char *word;
	} words[] = {
		{MAP_STACK, "stack"},	    {MAP_LOCKED, "locked"},	{MAP_GROWSDOWN, "growsdown"},
		{MAP_POPULATE, "populate"}, {MAP_NONBLOCK, "nonblock"}, {MAP_FIXED_NOREPLACE, "noreplace"},
	};
	uint64_t flags = call->args[3];
	char perms[8];

	layout_perms(call->args[2], perms);
	say_range(out, "mmap", call->args[0], call->args[1]);
	fprintf(out, " %.3s", perms);
	if (call->file && call->file < LAYOUT_NR_FILES)
		fprintf(out, " %s@%d", files[call->file], (int)(call->args[5] >> VMSC_PAGE_SHIFT));
	if ((flags & MAP_TYPE) != MAP_PRIVATE)
		fprintf(out, " %s", (flags & MAP_TYPE) == MAP_DROPPABLE ? "droppable" : "shared");
	if (!(flags & MAP_NORESERVE))
		fprintf(out, " account");
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		fprintf(out, " hint");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (flags & words[i].flag)
			fprintf(out, " %s", words[i].word);
}

static void say_mremap(FILE *out, const struct vmsc_call *call)
{
	uint64_t flags = call->args[3];

	say_range(out, "mremap", call->args[0], call->args[1]);
	fprintf(out, " ");
	say_pages(out, call->args[2]);
	if (flags & MREMAP_MAYMOVE)
		fprintf(out, " maymove");
	if (flags & 4)
		fprintf(out, " dontunmap");
	if (flags & (MREMAP_FIXED | 4)) {
		fprintf(out, flags & MREMAP_FIXED ? " fixed " : " hint ");
		say_pages(out, call->args[4] - LAYOUT_BASE);
	}
}

static void say_other(FILE *out, const struct vmsc_call *call)
{
	switch (call->nr) {
	case SYS_shmat:
		say_range(out, "shmat", call->args[1], call->size);
		fprintf(out, call->args[2] ? " r--" : "");
		break;
	case SYS_prctl:
		if (call->args[0] == 67) {
			fprintf(out, "ksm %s", call->args[1] ? "on" : "off");
		} else {
			say_range(out, "name", call->args[2], call->args[3]);
			fprintf(out, " %u", call->name);
		}
		break;
	case SYS_ioctl:
		say_range(out, call->mode ? "uffd" : "unuffd", call->range_start,
			  call->range_end - call->range_start);
		break;
	case SYS_mlockall:
		fprintf(out, "mlockall %s",
			call->args[0] == 1   ? "current"
			: call->args[0] == 2 ? "future"
					     : "onfault");
		break;
	case SYS_munlockall:
		fprintf(out, "munlockall");
		break;
	case SYS_shmdt:
	case SYS_brk:
		fprintf(out, call->nr == SYS_brk ? "brk " : "shmdt ");
		say_pages(out, call->args[0] - LAYOUT_BASE);
		break;
	default:
		fprintf(out, "call %u", call->nr);
	}
}

static void say_call(FILE *out, const struct vmsc_call *call)
{
	static const struct {
		uint16_t nr;
		const char *verb;
	} verbs[] = {
		{SYS_munmap, "munmap"},	  {SYS_mprotect, "mprotect"},
		{SYS_madvise, "madvise"}, {SYS_mlock, "mlock"},
		{SYS_mlock2, "mlock2"},	  {SYS_munlock, "munlock"},
		{SYS_mbind, "mbind"},	  {LAYOUT_NR_SYSCALL_MSEAL, "mseal"},
	};
	char perms[8];

	if (call->nr == SYS_mmap) {
		say_mmap(out, call);
		return;
	}
	if (call->nr == SYS_mremap) {
		say_mremap(out, call);
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (verbs[i].nr != call->nr)
			continue;
		say_range(out, verbs[i].verb, call->args[0], call->args[1]);
		layout_perms(call->args[2], perms);
		if (call->nr == SYS_mprotect)
			fprintf(out, " %.3s%s", perms, call->args[2] & PROT_GROWSDOWN ? " growsdown" : "");
		if (call->nr == SYS_madvise)
			fprintf(out, " %s", layout_advice_name(call->args[2]));
		if (call->nr == SYS_mbind)
			fprintf(out, " %u", call->policy);
		return;
	}
	say_other(out, call);
}

/* One step as a row would write it. */
void layout_say(FILE *out, const struct layout_step *step)
{
	switch (step->kind) {
	case LAYOUT_CALL:
		say_call(out, &step->call);
		break;
	case LAYOUT_FAULT:
	case LAYOUT_READ:
		fprintf(out, step->kind == LAYOUT_FAULT ? "fault " : "read ");
		say_pages(out, step->addr - LAYOUT_BASE);
		break;
	case LAYOUT_FORK:
		fprintf(out, "fork");
		break;
	case LAYOUT_EXIT:
		fprintf(out, "exit");
		break;
	case LAYOUT_LIMIT:
		fprintf(out, "limit %llu", (unsigned long long)step->addr);
		break;
	}
}
