/* SPDX-License-Identifier: MIT */
#include "told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

void told_stop(const struct told_row *row, const char *what)
{
	printf("FAIL %s: %s is wrong in the row\n", row->name, what);
	exit(1);
}

void told_set_files(const struct told_row *row, struct vmsc_mm *mm)
{
	static const struct vmsc_file files[] = {
		{.id = 2, .inode = 7, .dev_major = 8, .dev_minor = 1, .mode = 3},
		{.id = 3, .inode = 7, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 4, .inode = 7, .dev_major = 9, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 5, .inode = 8, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 6, .inode = 9, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_CLOSE_HOOK},
		{.id = 7, .inode = 10, .dev_major = 1, .dev_minor = 1, .mode = 3, .kind = VMSC_FILE_OTHER},
		{.id = 8, .inode = 7, .dev_major = 8, .dev_minor = 2, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 9, .mode = 3 | VMSC_FILE_UNSURE},
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (vmsc_mm_set_file(mm, &files[i]))
			told_stop(row, "a file");
}

static const struct {
	const char *name;
	uint64_t flag;
} flag_names[] = {
	{"r", VMSC_VM(READ)},
	{"w", VMSC_VM(WRITE)},
	{"x", VMSC_VM(EXEC)},
	{"account", VMSC_VM(ACCOUNT)},
	{"dontdump", VMSC_VM(DONTDUMP)},
	{"softdirty", VMSC_VM(SOFTDIRTY)},
	{"guard", VMSC_VM(MAYBE_GUARD)},
	{"io", VMSC_VM(IO)},
	{"locked", VMSC_VM(LOCKED)},
	{"sealed", VMSC_VM(SEALED)},
	{"shared", VMSC_VM(SHARED) | VMSC_VM(MAYSHARE)},
};

static bool set_flag(struct vmsc_vma *vma, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (strcmp(word, flag_names[i].name) != 0)
			continue;
		vma->vm_flags |= flag_names[i].flag;
		return true;
	}
	return false;
}

static bool set_number(struct vmsc_vma *vma, const char *word)
{
	uint32_t number = (uint32_t)strtoul(word + 1, NULL, 10);

	switch (word[0]) {
	case 'a':
		vma->anon_vma = number;
		return true;
	case 'f':
		vma->file = number;
		vma->pgoff = NUMBER(vma->start);
		return true;
	case 'o':
		vma->pgoff = number;
		return true;
	case 'u':
		vma->uffd = number;
		return true;
	case 'n':
		vma->name = number;
		return true;
	case 'p':
		vma->policy = number;
		return true;
	default:
		return false;
	}
}

static void set_word(const struct told_row *row, struct vmsc_vma *vma, const char *word)
{
	if (!strcmp(word, "special"))
		vma->traits |= VMSC_VMA_SPECIAL_MAPPING;
	else if (!strcmp(word, "unsure"))
		vma->traits |= VMSC_VMA_ANON_VMA_UNSURE;
	else if (!strcmp(word, "forked"))
		vma->traits |= VMSC_VMA_FORKED;
	else if (!strcmp(word, "shm"))
		vma->traits |= VMSC_VMA_SHM;
	else if (!strcmp(word, "rw"))
		vma->vm_flags |= VMSC_VM(READ) | VMSC_VM(WRITE);
	else if (!set_flag(vma, word) &&
		 !(word[0] && word[1] >= '0' && word[1] <= '9' && set_number(vma, word)))
		told_stop(row, word);
}

static void insert(const struct told_row *row, struct vmsc_mm *mm, char *text)
{
	struct vmsc_vma vma = {.vm_flags = VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC)};
	unsigned int start, end;
	char *word, *state;

	if (sscanf(text, " %u-%u", &start, &end) != 2)
		told_stop(row, text);
	vma.start = PAGE(start);
	vma.end = PAGE(end);
	vma.pgoff = vma.start >> VMSC_PAGE_SHIFT;
	strtok_r(text, " ", &state);
	while ((word = strtok_r(NULL, " ", &state)))
		set_word(row, &vma, word);
	if (vmsc_mm_insert(mm, &vma))
		told_stop(row, "a VMA");
}

void told_set_before(const struct told_row *row, struct vmsc_mm *mm)
{
	char *text = strdup(row->before), *state, *one;

	for (one = strtok_r(text, ",", &state); one; one = strtok_r(NULL, ",", &state))
		insert(row, mm, one);
	free(text);
}

static unsigned int prot_of(const char *text)
{
	return (strchr(text, 'r') ? PROT_READ : 0) | (strchr(text, 'w') ? PROT_WRITE : 0) |
	       (strchr(text, 'x') ? PROT_EXEC : 0);
}

/* "25 @0 #4 0x2 range 2-6 size 4 uffd 1": the system call's number and registers: @page, #pages, or a number.
 */
static void read_raw(const struct told_row *row, struct vmsc_call *call, const char *from)
{
	char *text = strdup(from), *state, *word = strtok_r(text, " ", &state);
	unsigned int nr = 0, start, end;

	call->nr = (uint16_t)strtoul(word, NULL, 10);
	while ((word = strtok_r(NULL, " ", &state)) && *word != '=') {
		if (!strcmp(word, "range") &&
		    sscanf(strtok_r(NULL, " ", &state), "%u-%u", &start, &end) == 2) {
			call->range_start = PAGE(start);
			call->range_end = PAGE(end);
		} else if (!strcmp(word, "size")) {
			call->size = strtoul(strtok_r(NULL, " ", &state), NULL, 10) * VMSC_PAGE_SIZE;
		} else if (!strcmp(word, "uffd")) {
			call->uffd = (uint32_t)strtoul(strtok_r(NULL, " ", &state), NULL, 10);
		} else if (nr == 6) {
			told_stop(row, word);
		} else if (*word == '@') {
			call->args[nr++] = PAGE(strtoul(word + 1, NULL, 0));
		} else if (*word == '#') {
			call->args[nr++] = strtoul(word + 1, NULL, 0) * VMSC_PAGE_SIZE;
		} else {
			call->args[nr++] = strtoul(word, NULL, 0);
		}
	}
	free(text);
}

/* The call that an operation's text stands for. */
void told_read_call(const struct told_row *row, struct vmsc_call *call)
{
	unsigned int file = 0, at = 0, advice;
	const char *result = strstr(row->op, "= ");
	uint64_t start, nr;
	char prot[8] = "";

	call->seq = 5;
	if (result) {
		call->has_result = true;
		call->result = strtol(result + 2, NULL, 0);
	}
	if (strstr(row->op, "raw ")) {
		read_raw(row, call, strstr(row->op, "raw ") + 4);
		return;
	}
	if (sscanf(row->op, "munmap %" SCNu64 "+%" SCNu64, &start, &nr) == 2) {
		call->nr = SYS_munmap;
	} else if (sscanf(row->op, "mprotect %" SCNu64 "+%" SCNu64 " %7[rwx]", &start, &nr, prot) == 3) {
		call->nr = SYS_mprotect;
		call->args[2] = prot_of(prot);
	} else if (sscanf(row->op, "madvise %" SCNu64 "+%" SCNu64 " %u", &start, &nr, &advice) == 3) {
		call->nr = SYS_madvise;
		call->args[2] = advice;
	} else if (sscanf(row->op, "mmap %" SCNu64 "+%" SCNu64 " %7[rwx] f%u@%u", &start, &nr, prot, &file,
			  &at) >= 3) {
		call->nr = SYS_mmap;
		call->args[2] = prot_of(prot);
		call->args[3] = MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS);
		call->args[4] = file ? 3 : (uint64_t)-1;
		call->args[5] = (uint64_t)at * VMSC_PAGE_SIZE;
		call->file = file;
	} else {
		told_stop(row, row->op);
	}
	call->args[0] = PAGE(start);
	call->args[1] = nr * VMSC_PAGE_SIZE;
}
