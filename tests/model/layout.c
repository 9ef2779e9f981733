/* SPDX-License-Identifier: MIT */
/*
 * layout.c - reads a row: its drawings, its exceptions, and the calls that reach "before". Entry point:
 * layout_parse().
 *
 * "before" is reached by calls that both worlds make. Neighbours that look alike are kept apart while they
 * are made by a flag on every second one, taken off at the end; what the kernel then merges was not a drawing
 * it can be in.
 */
#include "layout_plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define ORDINARY (VMSC_VM(READ) | VMSC_VM(WRITE))

/* A flag by a word; the advice that sets it, or -1 where mmap or another call does. */
struct flag_word {
	const char *word;
	uint64_t flag;
	int advice;
	unsigned int needs;
};

/* clang-format off */
static const struct flag_word flag_words[] = {
	{ "DONTFORK",    VMSC_VM(DONTCOPY),    MADV_DONTFORK,      0 },
	{ "RANDOM",      VMSC_VM(RAND_READ),   MADV_RANDOM,        0 },
	{ "SEQUENTIAL",  VMSC_VM(SEQ_READ),    MADV_SEQUENTIAL,    0 },
	{ "DONTDUMP",    VMSC_VM(DONTDUMP),    MADV_DONTDUMP,      0 },
	{ "WIPEONFORK",  VMSC_VM(WIPEONFORK),  MADV_WIPEONFORK,    0 },
	{ "HUGEPAGE",    VMSC_VM(HUGEPAGE),    MADV_HUGEPAGE,      LAYOUT_NEEDS_THP },
	{ "NOHUGEPAGE",  VMSC_VM(NOHUGEPAGE),  MADV_NOHUGEPAGE,    LAYOUT_NEEDS_THP },
	{ "MERGEABLE",   VMSC_VM(MERGEABLE),   MADV_MERGEABLE,     LAYOUT_NEEDS_KSM },
	{ "GUARD",       VMSC_VM(MAYBE_GUARD), MADV_GUARD_INSTALL, 0 },
	{ "LOCKED",      VMSC_VM(LOCKED),      -1, 0 },
	{ "LOCKONFAULT", VMSC_VM(LOCKED) | VMSC_VM(LOCKONFAULT), -1, 0 },
	{ "SEALED",      VMSC_VM(SEALED),      -1, 0 },
	{ "GROWSDOWN",   VMSC_VM(GROWSDOWN),   -1, 0 },
	{ "DROPPABLE",   VMSC_VM(DROPPABLE) | VMSC_VM(WIPEONFORK) | VMSC_VM(DONTDUMP) | VMSC_VM(NORESERVE), -1, 0 },
};
/* clang-format on */

int layout_prot_of(const char *perms)
{
	int prot = 0;

	if (!strcmp(perms, "---"))
		return 0;
	for (int i = 0; i < 3; i++) {
		if (perms[i] == "rwx"[i])
			prot |= 1 << i;
		else if (perms[i] != '-')
			return -1;
	}
	return perms[3] ? -1 : prot;
}

static const struct flag_word *find_flag_word(const char *word)
{
	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++)
		if (!strcmp(word, flag_words[i].word))
			return &flag_words[i];
	return NULL;
}

static uint32_t file_by_name(const char *word, const char **rest)
{
	static const char *const names[] = {"",
#define X(name, kind, mode) #name,
					    LAYOUT_FILES(X)
#undef X
	};

	for (uint32_t i = 1; i < LAYOUT_NR_FILES; i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(word, names[i], len) && (word[len] == '@' || !word[len])) {
			*rest = word + len;
			return i;
		}
	}
	return 0;
}

static bool attribute(const char *word, struct layout_letter *letter, uint64_t *said, unsigned int *needs)
{
	if (!strcmp(word, "shared")) {
		letter->shared = true;
	} else if (!strcmp(word, "shm")) {
		letter->shared = letter->shm = true;
		*needs |= LAYOUT_NEEDS_SHM;
	} else if (!strcmp(word, "account") || !strcmp(word, "unaccounted")) {
		letter->account = *word == 'a';
		letter->noreserve = false;
		*said |= VMSC_VM(ACCOUNT) | VMSC_VM(NORESERVE);
	} else if (!strcmp(word, "policy") || !strcmp(word, "policy2")) {
		letter->policy = word[6] ? 2 : 1;
		*needs |= LAYOUT_NEEDS_NUMA;
	} else if (!strcmp(word, "name") || !strcmp(word, "name2")) {
		letter->name = word[4] ? 2 : 1;
		*needs |= LAYOUT_NEEDS_NAMES;
	} else if (!strcmp(word, "uffd") || !strcmp(word, "uffd2")) {
		letter->uffd = word[4] ? 2 : 1;
		letter->flags |= VMSC_VM(UFFD_MISSING);
		*said |= VMSC_VM(UFFD_MISSING);
		*needs |= LAYOUT_NEEDS_UFFD;
	} else {
		return false;
	}
	return true;
}

/* One exception, into @letter. NULL, or what is wrong with it. */
const char *layout_word_exception(const char *word, struct layout_letter *letter, uint64_t *said,
				  unsigned int *needs)
{
	const struct flag_word *flag = find_flag_word(word);
	const char *rest = word;
	int prot = layout_prot_of(word);

	if (prot >= 0) {
		letter->flags = (letter->flags & ~VMSC_VM_ACCESS) | (uint64_t)prot;
	} else if (flag) {
		letter->flags |= flag->flag;
		*said |= flag->flag & ~VMSC_VM(NORESERVE);
		*needs |= flag->needs;
	} else if (*word == '@') {
		letter->pgoff = (layout_addr(strtoul(word + 1, NULL, 10))) >> VMSC_PAGE_SHIFT;
		letter->has_pgoff = true;
	} else if (!attribute(word, letter, said, needs)) {
		letter->file = file_by_name(word, &rest);
		if (!letter->file)
			return "unknown exception";
		if (letter->file == LAYOUT_FILE_driver)
			*needs |= LAYOUT_NEEDS_MODEL;
		letter->pgoff = *rest ? strtoul(rest + 1, NULL, 10) : 0;
		letter->has_pgoff = *rest;
	}
	return NULL;
}

static int parse_exceptions(const char *text, struct layout_plan *plan)
{
	char copy[256], *group, *word, *save_group, *save_word;

	snprintf(copy, sizeof(copy), "%s", text ? text : "");
	for (group = strtok_r(copy, " ", &save_group); group; group = strtok_r(NULL, " ", &save_group)) {
		if (!isalpha((unsigned char)group[0]) || group[1] != '=')
			goto bad;
		struct layout_letter *letter = &plan->letters[tolower((unsigned char)group[0]) - 'a'];

		for (word = strtok_r(group + 2, ",", &save_word); word;
		     word = strtok_r(NULL, ",", &save_word))
			if (layout_word_exception(word, letter, &plan->said, &plan->needs))
				goto bad;
	}
	return 0;
bad:
	snprintf(plan->problem, sizeof(plan->problem), "exception not understood: \"%s\"", text);
	return -1;
}

static uint64_t expected_flags(const struct layout_letter *letter)
{
	uint64_t flags = letter->flags;

	if (letter->shared)
		flags |= VMSC_VM(MAYSHARE);
	if (letter->account)
		flags |= VMSC_VM(ACCOUNT);
	if (letter->noreserve && !letter->shm)
		flags |= VMSC_VM(NORESERVE);
	return flags;
}

static int parse_drawing(const char *text, struct layout_plan *plan, struct layout_drawing *drawing)
{
	drawing->nr = 0;
	if (strlen(text) > LAYOUT_PAGES)
		return -1;
	for (size_t i = 0; text[i];) {
		size_t end = i;

		while (text[end] == text[i])
			end++;
		if (isalpha((unsigned char)text[i])) {
			struct layout_piece *piece = &drawing->piece[drawing->nr++];
			const struct layout_letter *letter =
				&plan->letters[tolower((unsigned char)text[i]) - 'a'];

			*piece = (struct layout_piece){.start = i, .end = end, .letter = text[i]};
			piece->flags = expected_flags(letter);
			piece->file = letter->file;
			piece->pgoff = letter->pgoff;
			piece->policy = letter->policy;
			piece->name = letter->name;
			piece->uffd = letter->uffd;
		} else if (text[i] != '.') {
			return -1;
		}
		i = end;
	}
	return 0;
}

struct layout_step *layout_push(struct layout_plan *plan, uint16_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct layout_step *step;

	if (plan->nr == LAYOUT_STEPS) {
		snprintf(plan->problem, sizeof(plan->problem), "too many steps");
		plan->nr--;
	}
	step = &plan->step[plan->nr++];
	memset(step, 0, sizeof(*step));
	step->call.seq = plan->nr;
	step->call.nr = nr;
	step->call.args[0] = a;
	step->call.args[1] = b;
	step->call.args[2] = c;
	return step;
}

static uint64_t map_flags(const struct layout_letter *letter)
{
	uint64_t flags = MAP_FIXED_NOREPLACE | (letter->shared ? MAP_SHARED : MAP_PRIVATE);

	if (letter->flags & VMSC_VM(DROPPABLE))
		flags = (flags & ~(uint64_t)MAP_TYPE) | MAP_DROPPABLE;
	if (letter->noreserve)
		flags |= MAP_NORESERVE;
	if (!letter->file)
		flags |= MAP_ANONYMOUS;
	if (letter->flags & VMSC_VM(GROWSDOWN))
		flags |= MAP_GROWSDOWN;
	return flags;
}

struct layout_step *layout_push_mmap(struct layout_plan *plan, uint64_t page, uint64_t nr_pages,
				     const struct layout_letter *letter)
{
	uint64_t addr = layout_addr(page), len = nr_pages * VMSC_PAGE_SIZE;
	struct layout_step *step;

	if (letter->shm) {
		bool ro = !(letter->flags & VMSC_VM(WRITE));

		step = layout_push(plan, SYS_shmat, 0, addr, ro ? 010000 : 0);
		step->call.size = len;
		step->call.file = LAYOUT_FILE_SHM + plan->nr_segments++;
	} else {
		step = layout_push(plan, SYS_mmap, addr, len, letter->flags & VMSC_VM_ACCESS);
		step->call.args[3] = map_flags(letter);
		step->call.args[4] = letter->file ? letter->file : (uint64_t)-1;
		step->call.args[5] = letter->file ? letter->pgoff * VMSC_PAGE_SIZE : 0;
		step->call.file = letter->file;
	}
	step->want = (int64_t)addr;
	return step;
}

static const struct layout_letter *letter_of(const struct layout_plan *plan, const struct layout_piece *piece)
{
	return &plan->letters[tolower((unsigned char)piece->letter) - 'a'];
}

static uint64_t bytes_of(const struct layout_piece *piece)
{
	return (piece->end - piece->start) * VMSC_PAGE_SIZE;
}

static void push_fault(struct layout_plan *plan, uint64_t page)
{
	struct layout_step *step = layout_push(plan, 0, 0, 0, 0);

	step->kind = LAYOUT_FAULT;
	step->addr = layout_addr(page);
}

/* Maps one VMA of "before"; an accounted one is born writable. */
static void push_piece(struct layout_plan *plan, struct layout_piece *piece)
{
	struct layout_letter letter = *letter_of(plan, piece);
	uint64_t page = piece->start;

	if (letter.account)
		letter.flags |= VMSC_VM(WRITE);
	if (letter.has_pgoff && !letter.file) {
		page = letter.pgoff - (LAYOUT_BASE >> VMSC_PAGE_SHIFT);
		piece->born = layout_push_mmap(plan, page, piece->end - piece->start, &letter)->call.seq;
		push_fault(plan, page);

		struct layout_step *move =
			layout_push(plan, SYS_mremap, layout_addr(page), bytes_of(piece), bytes_of(piece));
		move->call.args[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
		move->call.args[4] = layout_addr(piece->start);
		move->want = (int64_t)layout_addr(piece->start);
		piece->born = move->call.seq;
	} else {
		piece->born = layout_push_mmap(plan, page, piece->end - piece->start, &letter)->call.seq;
	}
}

static void push_flags(struct layout_plan *plan, const struct layout_piece *piece,
		       const struct layout_letter *letter)
{
	uint64_t addr = layout_addr(piece->start), len = bytes_of(piece);

	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++) {
		const struct flag_word *word = &flag_words[i];

		if (!(letter->flags & word->flag) || word->advice < 0)
			continue;
		if ((letter->flags & VMSC_VM(DROPPABLE)) &&
		    (word->flag & (VMSC_VM(WIPEONFORK) | VMSC_VM(DONTDUMP))))
			continue;
		layout_push(plan, SYS_madvise, addr, len, (uint64_t)word->advice);
	}
	if (letter->flags & VMSC_VM(LOCKONFAULT))
		layout_push(plan, SYS_mlock2, addr, len, 1);
	else if (letter->flags & VMSC_VM(LOCKED))
		layout_push(plan, SYS_mlock, addr, len, 0);
}

/* What mmap does not do. */
static void push_attributes(struct layout_plan *plan, const struct layout_piece *piece)
{
	const struct layout_letter *letter = letter_of(plan, piece);
	uint64_t addr = layout_addr(piece->start), len = bytes_of(piece);

	if (letter->account && !(letter->flags & VMSC_VM(WRITE)))
		layout_push(plan, SYS_mprotect, addr, len, letter->flags & VMSC_VM_ACCESS);
	push_flags(plan, piece, letter);
	if (letter->policy)
		layout_push(plan, SYS_mbind, addr, len, 0)->call.policy = letter->policy;
	if (letter->name) {
		struct layout_step *step = layout_push(plan, SYS_prctl, 0x53564d41, 0, addr);

		step->call.args[3] = len;
		step->call.args[4] = step->call.name = letter->name;
	}
	if (letter->uffd) {
		struct layout_step *step = layout_push(plan, SYS_ioctl, 0, 0xc020aa00, 0);

		step->call.uffd = letter->uffd;
		step->call.mode = 1;
		step->call.range_start = addr;
		step->call.range_end = addr + len;
	}
}

static bool is_marked(const struct layout_plan *plan, size_t i)
{
	const struct layout_letter *letter = letter_of(plan, &plan->before.piece[i]);

	return i % 2 == 0 && !(letter->flags & (VMSC_VM(SEQ_READ) | VMSC_VM(RAND_READ)));
}

static void push_marks(struct layout_plan *plan, int advice)
{
	for (size_t i = 0; i < plan->before.nr; i++) {
		const struct layout_piece *piece = &plan->before.piece[i];

		if (is_marked(plan, i))
			layout_push(plan, SYS_madvise, layout_addr(piece->start), bytes_of(piece),
				    (uint64_t)advice);
	}
}

static void push_setup(struct layout_plan *plan)
{
	struct layout_drawing *before = &plan->before;

	for (size_t i = 0; i < before->nr; i += 2)
		push_piece(plan, &before->piece[i]);
	if (before->nr > 1)
		push_marks(plan, MADV_SEQUENTIAL);
	for (size_t i = 1; i < before->nr; i += 2)
		push_piece(plan, &before->piece[i]);
	for (size_t i = 0; i < before->nr; i++)
		if (isupper((unsigned char)before->piece[i].letter))
			push_fault(plan, before->piece[i].start);
	for (size_t i = 0; i < before->nr; i++)
		push_attributes(plan, &before->piece[i]);
	for (size_t i = 0; i < before->nr; i++)
		if (letter_of(plan, &before->piece[i])->flags & VMSC_VM(SEALED))
			layout_push(plan, LAYOUT_NR_SYSCALL_MSEAL, layout_addr(before->piece[i].start),
				    bytes_of(&before->piece[i]), 0);
	if (before->nr > 1)
		push_marks(plan, MADV_NORMAL);
}

int layout_parse(const struct layout_case *row, struct layout_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->row = row;
	for (int i = 0; i < 26; i++)
		plan->letters[i] = (struct layout_letter){.flags = ORDINARY, .noreserve = true};
	if (row->model_only)
		plan->needs |= LAYOUT_NEEDS_MODEL;
	if (parse_exceptions(row->except, plan))
		return -1;
	if (parse_drawing(row->before, plan, &plan->before) ||
	    parse_drawing(row->after, plan, &plan->after)) {
		snprintf(plan->problem, sizeof(plan->problem), "drawing not understood");
		return -1;
	}
	push_setup(plan);
	plan->nr_setup = plan->nr;
	if (layout_parse_ops(row->op, plan))
		return -1;
	return plan->problem[0] ? -1 : 0;
}
