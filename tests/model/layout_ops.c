/* SPDX-License-Identifier: MIT */
/*
 * layout_ops.c - the operations of a row, as system calls. Entry point: layout_parse_ops().
 */
#include "layout_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

#define MAX_WORDS	     10
#define UFFDIO_REGISTER_NR   0xc020aa00
#define UFFDIO_UNREGISTER_NR 0x8010aa01

/* clang-format off */
static const struct { const char *name; int advice; } advices[] = {
	{ "NORMAL", 0 }, { "RANDOM", 1 }, { "SEQUENTIAL", 2 }, { "WILLNEED", 3 }, { "DONTNEED", 4 }, { "FREE", 8 },
	{ "REMOVE", 9 }, { "DONTFORK", 10 }, { "DOFORK", 11 }, { "MERGEABLE", 12 }, { "UNMERGEABLE", 13 },
	{ "HUGEPAGE", 14 }, { "NOHUGEPAGE", 15 }, { "DONTDUMP", 16 }, { "DODUMP", 17 }, { "WIPEONFORK", 18 },
	{ "KEEPONFORK", 19 }, { "COLD", 20 }, { "PAGEOUT", 21 }, { "POPULATE_READ", 22 }, { "POPULATE_WRITE", 23 },
	{ "DONTNEED_LOCKED", 24 }, { "COLLAPSE", 25 }, { "GUARD_INSTALL", 102 }, { "GUARD_REMOVE", 103 },
	{ "NONSENSE", 77 },
};

static const struct { const char *name; int err; } errnos[] = {
	{ "-EPERM", -EPERM }, { "-EAGAIN", -EAGAIN }, { "-ENOMEM", -ENOMEM }, { "-EACCES", -EACCES },
	{ "-EFAULT", -EFAULT }, { "-EEXIST", -EEXIST }, { "-ENODEV", -ENODEV }, { "-EINVAL", -EINVAL },
	{ "-EBADF", -EBADF }, { "-EOVERFLOW", -EOVERFLOW }, { "-EOPNOTSUPP", -EOPNOTSUPP }, { "-ENOSYS", -ENOSYS },
	{ "-EBUSY", -EBUSY }, { "-EIO", -EIO },
};
/* clang-format on */

const char *layout_errno_name(int64_t err)
{
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].err == err)
			return errnos[i].name;
	return NULL;
}

const char *layout_advice_name(uint64_t advice)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if ((uint64_t)advices[i].advice == advice)
			return advices[i].name;
	return NULL;
}

static int advice_of(const char *name)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (!strcmp(advices[i].name, name))
			return advices[i].advice;
	return -1;
}

/* One operation in words: verb, range, the rest, and the result that is wanted. */
struct words {
	struct layout_plan *plan;
	char *word[MAX_WORDS];
	size_t nr;
	uint64_t addr, len;
	struct layout_step *step; /* the one that the operation made */
};

/* "3", "3:1" (and a byte), "max": bytes. */
static const char *parse_bytes(const char *text, uint64_t *bytes)
{
	char *end;

	if (!strncmp(text, "max", 3)) {
		*bytes = UINT64_MAX;
		return text + 3;
	}
	*bytes = strtoull(text, &end, 10) * VMSC_PAGE_SIZE;
	if (*end == ':')
		*bytes += strtoull(end + 1, &end, 10);
	return end;
}

static uint64_t bytes_at(const struct words *op, size_t i)
{
	uint64_t bytes = 0;

	if (i < op->nr)
		parse_bytes(op->word[i], &bytes);
	return bytes;
}

static bool has_word(const struct words *op, const char *word, size_t *at)
{
	for (size_t i = 1; i < op->nr; i++) {
		if (!strcmp(op->word[i], word)) {
			*at = i;
			return true;
		}
	}
	return false;
}

static int add_range(struct words *op)
{
	const char *rest;

	if (op->nr < 2)
		return 0;
	rest = parse_bytes(op->word[1], &op->addr);
	op->addr += LAYOUT_BASE;
	if (*rest == '+')
		rest = parse_bytes(rest + 1, &op->len);
	return *rest ? -1 : 0;
}

static struct layout_step *push(struct words *op, uint16_t nr, uint64_t c)
{
	op->step = layout_push(op->plan, nr, op->addr, op->len, c);
	return op->step;
}

static int mmap_word(const char *word, struct layout_letter *letter, uint64_t *flags, bool *fails)
{
	/* clang-format off */
	static const struct { const char *word; uint64_t set, clear; } words[] = {
		{ "shared", MAP_SHARED, MAP_TYPE }, { "validate", 3, MAP_TYPE }, { "notype", 0, MAP_TYPE }, { "hint", 0, MAP_FIXED | MAP_FIXED_NOREPLACE },
		{ "noreplace", MAP_FIXED_NOREPLACE, MAP_FIXED }, { "stack", MAP_STACK, 0 }, { "locked", MAP_LOCKED, 0 },
		{ "growsdown", MAP_GROWSDOWN, 0 }, { "droppable", MAP_DROPPABLE, MAP_TYPE },
		{ "populate", MAP_POPULATE, 0 }, { "nonblock", MAP_NONBLOCK, 0 }, { "sync", 0x80000, 0 },
		{ "account", 0, MAP_NORESERVE }, { "badbit", 1u << 23, 0 },
	};
	/* clang-format on */
	uint64_t said = 0;
	unsigned int needs = 0; /* a file that only the model has is asked for by the exceptions too */

	*fails |= !strcmp(word, "hook-fails");
	if (!strcmp(word, "hook-fails"))
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(words[i].word, word)) {
			*flags = (*flags & ~words[i].clear) | words[i].set;
			return 0;
		}
	}
	return layout_word_exception(word, letter, &said, &needs) ? -1 : 0;
}

static int parse_mmap(struct words *op)
{
	struct layout_letter letter = {.noreserve = true};
	uint64_t flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
	bool fails = false;
	int prot = op->nr > 2 ? layout_prot_of(op->word[2]) : -1;

	if (prot < 0)
		return -1;
	for (size_t i = 3; i < op->nr; i++)
		if (mmap_word(op->word[i], &letter, &flags, &fails))
			return -1;
	push(op, SYS_mmap, (uint64_t)prot);
	op->step->call.args[3] = flags | (letter.file ? 0 : MAP_ANONYMOUS);
	op->step->call.args[4] = letter.file ? letter.file : (uint64_t)-1;
	op->step->call.args[5] = letter.file ? letter.pgoff * VMSC_PAGE_SIZE : 0;
	op->step->call.file = letter.file;
	op->step->call.has_result = fails;
	op->step->call.result = fails ? -EBUSY : 0;
	op->step->want = fails ? -EBUSY : (int64_t)(op->addr & ~(VMSC_PAGE_SIZE - 1));
	return 0;
}

static int parse_mprotect(struct words *op)
{
	int prot = op->nr > 2 ? layout_prot_of(op->word[2]) : -1;
	size_t at;

	if (prot < 0)
		return -1;
	if (has_word(op, "growsdown", &at))
		prot |= PROT_GROWSDOWN;
	if (has_word(op, "growsup", &at))
		prot |= PROT_GROWSUP;
	if (has_word(op, "badbit", &at))
		prot |= 0x100;
	push(op, SYS_mprotect, (uint64_t)prot);
	return 0;
}

static int parse_madvise(struct words *op)
{
	int advice = op->nr > 2 ? advice_of(op->word[2]) : -1;

	if (advice < 0)
		return -1;
	push(op, SYS_madvise, (uint64_t)advice);
	if (advice == MADV_MERGEABLE || advice == MADV_UNMERGEABLE)
		op->plan->needs |= LAYOUT_NEEDS_KSM;
	return 0;
}

static int parse_mremap(struct words *op)
{
	uint64_t flags = 0, to = 0;
	size_t at;

	if (has_word(op, "maymove", &at))
		flags |= MREMAP_MAYMOVE;
	if (has_word(op, "dontunmap", &at))
		flags |= 4;
	if (has_word(op, "badbit", &at))
		flags |= 64;
	if (has_word(op, "hint", &at))
		to = LAYOUT_BASE + bytes_at(op, at + 1);
	if (has_word(op, "fixed", &at)) {
		flags |= MREMAP_FIXED;
		to = LAYOUT_BASE + bytes_at(op, at + 1);
	}
	push(op, SYS_mremap, bytes_at(op, 2));
	op->step->call.args[3] = flags;
	op->step->call.args[4] = to;
	op->step->want = (int64_t)(to ? to : op->addr);
	return 0;
}

static int parse_move(struct words *op)
{
	uint64_t to = LAYOUT_BASE + bytes_at(op, 2), len = op->nr > 3 ? bytes_at(op, 3) : op->len;

	push(op, SYS_mremap, len);
	op->step->call.args[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
	if (op->word[0][0] == 'd')
		op->step->call.args[3] |= 4;
	if (op->word[0][0] == 'c')
		op->step->call.args[1] = 0;
	op->step->call.args[4] = to;
	op->step->want = (int64_t)to;
	return 0;
}

static int parse_id(struct words *op)
{
	uint32_t id = op->nr > 2 ? (uint32_t)strtoul(op->word[2], NULL, 10) : 0;

	if (!strcmp(op->word[0], "mbind")) {
		push(op, SYS_mbind, 0)->call.policy = id;
		op->plan->needs |= LAYOUT_NEEDS_NUMA;
		return 0;
	}
	op->step = layout_push(op->plan, SYS_prctl, 0x53564d41, 0, op->addr);
	op->step->call.args[3] = op->len;
	op->step->call.args[4] = op->step->call.name = id;
	op->plan->needs |= LAYOUT_NEEDS_NAMES;
	return 0;
}

static int parse_uffd(struct words *op)
{
	bool on = op->word[0][0] == 'u' && op->word[0][1] == 'f';

	op->step = layout_push(op->plan, SYS_ioctl, 0, on ? UFFDIO_REGISTER_NR : UFFDIO_UNREGISTER_NR, 0);
	op->step->call.uffd = strchr(op->word[0], '2') ? 2 : 1;
	op->step->call.mode = on;
	op->step->call.range_start = op->addr;
	op->step->call.range_end = op->addr + op->len;
	op->plan->needs |= LAYOUT_NEEDS_UFFD;
	return 0;
}

static int parse_shm(struct words *op)
{
	op->plan->needs |= LAYOUT_NEEDS_SHM;
	if (!strcmp(op->word[0], "shmdt")) {
		op->step = layout_push(op->plan, SYS_shmdt, op->addr, 0, 0);
		return 0;
	}
	op->step = layout_push(op->plan, SYS_shmat, 0, op->addr, op->nr > 2 ? 010000 : 0);
	op->step->call.size = op->len;
	op->step->call.file = LAYOUT_FILE_SHM + op->plan->nr_segments++;
	op->step->want = (int64_t)op->addr;
	return 0;
}

/* Those that are no call, or a call without a range. */
static int parse_other(struct words *op)
{
	const char *verb = op->word[0], *what = op->nr > 1 ? op->word[1] : "";
	struct layout_plan *plan = op->plan;

	if (!strcmp(verb, "brk")) {
		op->step = layout_push(plan, SYS_brk, op->addr, 0, 0);
		op->step->want = (int64_t)op->addr;
		plan->needs |= LAYOUT_NEEDS_BRK;
	} else if (!strcmp(verb, "mlockall")) {
		op->step = layout_push(plan, SYS_mlockall, *what == 'c' ? 1 : *what == 'f' ? 2 : 6, 0, 0);
		if (*what == 'c')
			plan->needs |= LAYOUT_NEEDS_SMALL;
	} else if (!strcmp(verb, "munlockall")) {
		op->step = layout_push(plan, SYS_munlockall, 0, 0, 0);
	} else if (!strcmp(verb, "mdwe")) {
		op->step = layout_push(plan, SYS_prctl, 65, 1, 0);
	} else if (!strcmp(verb, "ksm")) {
		op->step = layout_push(plan, SYS_prctl, 67, !strcmp(what, "on"), 0);
		plan->needs |= LAYOUT_NEEDS_KSM;
	} else {
		op->step = layout_push(plan, 0, 0, 0, 0);
		op->step->addr = op->addr;
		if (!strcmp(verb, "fault")) {
			op->step->kind = LAYOUT_FAULT;
		} else if (!strcmp(verb, "read")) {
			op->step->kind = LAYOUT_READ;
		} else if (!strcmp(verb, "fork")) {
			op->step->kind = LAYOUT_FORK;
		} else if (!strcmp(verb, "exit") || !strcmp(verb, "limit")) {
			op->step->kind = *verb == 'e' ? LAYOUT_EXIT : LAYOUT_LIMIT;
			op->step->addr = strtoul(what, NULL, 10);
			plan->needs |= LAYOUT_NEEDS_MODEL;
		} else {
			return -1;
		}
	}
	return 0;
}

static int parse_simple(struct words *op, uint16_t nr, uint64_t c)
{
	push(op, nr, c);
	return 0;
}

static int parse_verb(struct words *op)
{
	/* clang-format off */
	static const struct { const char *verb; int (*parse)(struct words *op); uint16_t nr; uint64_t c; } verbs[] = {
		{ "mmap", parse_mmap, 0, 0 }, { "mprotect", parse_mprotect, 0, 0 }, { "madvise", parse_madvise, 0, 0 },
		{ "mremap", parse_mremap, 0, 0 }, { "move", parse_move, 0, 0 }, { "dontunmap", parse_move, 0, 0 },
		{ "copy", parse_move, 0, 0 }, { "mbind", parse_id, 0, 0 }, { "name", parse_id, 0, 0 },
		{ "uffd", parse_uffd, 0, 0 }, { "uffd2", parse_uffd, 0, 0 }, { "unuffd", parse_uffd, 0, 0 }, { "shmat", parse_shm, 0, 0 },
		{ "shmdt", parse_shm, 0, 0 }, { "munmap", NULL, SYS_munmap, 0 }, { "mlock", NULL, SYS_mlock, 0 },
		{ "mlock2", NULL, SYS_mlock2, 1 }, { "munlock", NULL, SYS_munlock, 0 },
		{ "mseal", NULL, LAYOUT_NR_SYSCALL_MSEAL, 0 },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].verb, op->word[0]))
			continue;
		if (verbs[i].parse)
			return verbs[i].parse(op);
		return parse_simple(op, verbs[i].nr, verbs[i].c);
	}
	return parse_other(op);
}

static int parse_want(struct words *op, const char *want)
{
	while (*want == ' ')
		want++;
	op->step->want_kind = LAYOUT_WANT_VALUE;
	if (!strncmp(want, "elsewhere", 9)) {
		op->step->want_kind = LAYOUT_WANT_ELSEWHERE;
	} else if (*want == '-') {
		for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
			if (!strncmp(want, errnos[i].name, strlen(errnos[i].name))) {
				op->step->want = errnos[i].err;
				return 0;
			}
		}
		return -1;
	} else {
		op->step->want = (int64_t)layout_addr(strtoul(want, NULL, 10));
	}
	return 0;
}

static int parse_op(char *text, struct layout_plan *plan)
{
	struct words op = {.plan = plan};
	char *want = strchr(text, '='), *save;

	if (want)
		*want++ = 0;
	for (char *word = strtok_r(text, " ", &save); word && op.nr < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		op.word[op.nr++] = word;
	if (!op.nr)
		return 0;
	if (strcmp(op.word[0], "mlockall") && strcmp(op.word[0], "ksm") && strcmp(op.word[0], "limit") &&
	    add_range(&op))
		return -1;
	if (parse_verb(&op))
		return -1;
	return want ? parse_want(&op, want) : 0;
}

int layout_parse_ops(const char *ops, struct layout_plan *plan)
{
	char copy[512], *save;

	snprintf(copy, sizeof(copy), "%s", ops);
	for (char *op = strtok_r(copy, ";", &save); op; op = strtok_r(NULL, ";", &save)) {
		char said[128];

		snprintf(said, sizeof(said), "%s", op);
		if (parse_op(op, plan)) {
			snprintf(plan->problem, sizeof(plan->problem), "operation not understood: \"%.100s\"",
				 said);
			return -1;
		}
	}
	return 0;
}
