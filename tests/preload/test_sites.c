/* SPDX-License-Identifier: MIT */
/*
 * Which numbers can a system-call instruction have? Without arguments: rows of code. With an ELF file: every
 * system-call instruction of it, one a line, its address and its numbers ("?": can't be told).
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "decode.h"
#include "numbers.h"

/* Hex of a function whose last instruction is the system call, and its numbers; "?": they can't be told. */
static const struct {
	const char *what, *code, *numbers;
} rows[] = {
	{"number right before", "b809000000 0f05", "9"},
	{"some instructions between", "b80b000000 4889df 31f6 0f05", "11"},
	{"zero", "31c0 0f05", "0"},
	{"sign-extended", "48c7c00f000000 0f05", "15"},
	{"by another register", "41b8ca000000 4489c0 0f05", "202"},
	{"two ways, two numbers", "b809000000 85ff 7505 b80b000000 0f05", "9 11"},
	{"behind a jump over another", "41b8ca000000 eb03 4489d0 4489c0 0f05", "202"},
	{"kept by a called function", "41bc0a000000 e800000000 4489e0 0f05", "10"},
	{"not kept by a called function", "41b80a000000 e800000000 4489c0 0f05", "?"},
	{"an argument", "89f8 0f05", "?"},
	{"from memory", "8b07 0f05", "?"},
	{"glibc 2.41, cancellable", "8b07 f60708 4989fb 4889f0 4889d7 4c895c2408 0f05", "?"},
	{"glibc 2.41, from the stack", "488b442410 0f05", "?"},
	{"changed by arithmetic", "b800000000 83c809 0f05", "?"},
	{"one byte of it changed", "b800010000 b009 0f05", "?"},
	{"popped", "6a0b 58 0f05", "?"},
	{"clobbered by a call before", "b809000000 0f05 0f05", "?"},
	{"REX makes it another register", "41b809000000 0f05", "?"},
	{"conditionally another's", "b809000000 0f44c2 0f05", "?"},
	{"exchanged", "b809000000 87c1 0f05", "?"},
	{"compared and exchanged in memory", "41b8ca000000 f00fb117 4489c0 0f05", "202"},
	{"divided meanwhile", "41b80a000000 f7f1 4489c0 0f05", "10"},
	{"vector registers meanwhile", "b809000000 0f1107 c5fa6f07 0f05", "9"},
	{"a switch may lead to behind it", "b809000000 ffe1 b80b000000 0f05", "11"},
	{"a switch may lead to where a jump goes", "41b809000000 ffe1 89f8 eb06 41b80a000000 4489c0 0f05",
	 "?"},
};

static size_t from_hex(const char *hex, unsigned char *code)
{
	size_t nr = 0;
	int used;

	for (unsigned int byte; *hex; hex += used) {
		while (*hex == ' ')
			hex++;
		if (sscanf(hex, "%2x%n", &byte, &used) != 1)
			break;
		code[nr++] = (unsigned char)byte;
	}
	return nr;
}

static struct vmsc_function function;

static void tell(char *text, size_t size, const unsigned char *begin, size_t length, uint32_t call)
{
	struct vmsc_numbers numbers;

	snprintf(text, size, "?");
	if (!vmsc_function_read(&function, begin, length) || !vmsc_numbers_find(&function, call, &numbers))
		return;
	text[0] = '\0';
	for (uint32_t i = 0; i < numbers.nr; i++)
		snprintf(text + strlen(text), size - strlen(text), "%s%u", i ? " " : "", numbers.at[i]);
}

static int compare(const void *one, const void *other)
{
	return *(const unsigned char *)one - *(const unsigned char *)other;
}

static bool is_same(const char *told, const char *wanted)
{
	char one[200], other[200];

	snprintf(one, sizeof(one), "%s", told);
	snprintf(other, sizeof(other), "%s", wanted);
	qsort(one, strlen(one), 1, compare);
	qsort(other, strlen(other), 1, compare);
	return !strcmp(one, other);
}

static int run_rows(void)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char code[100] = {0};
		size_t length = from_hex(rows[i].code, code);
		char text[200];

		tell(text, sizeof(text), code, length, (uint32_t)length - 2);
		if (is_same(text, rows[i].numbers))
			continue;
		printf("FAIL %s: %s, not %s\n", rows[i].what, text, rows[i].numbers);
		wrong++;
	}
	return wrong != 0;
}

static void tell_site(const unsigned char *image, const unsigned char *table, const unsigned char *at)
{
	uint64_t begin, end;
	char text[200] = "?";

	if (vmsc_function_bounds(table, (uintptr_t)at, &begin, &end)) {
		uint32_t offset = (uint32_t)((uintptr_t)at - begin);

		tell(text, sizeof(text), (const void *)(uintptr_t)begin, end - begin, offset);
		if (!vmsc_function_has_insn(&function, offset))
			return;
	}
	printf("%lx %s\n", (unsigned long)(at - image), text);
}

static int tell_file(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct stat about;
	const unsigned char *table = NULL;
	unsigned char *file, *image;
	const Elf64_Ehdr *elf;
	const Elf64_Phdr *segments;

	if (fd < 0 || fstat(fd, &about))
		return 77;
	file = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	image = mmap(NULL, (size_t)about.st_size * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	elf = (const void *)file;
	segments = (const void *)(file + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD)
			memcpy(image + segments[i].p_vaddr, file + segments[i].p_offset,
			       segments[i].p_filesz);
		if (segments[i].p_type == PT_GNU_EH_FRAME)
			table = image + segments[i].p_vaddr;
	}
	for (int i = 0; table && i < elf->e_phnum; i++) {
		const unsigned char *at = image + segments[i].p_vaddr, *end = at + segments[i].p_filesz;

		for (; segments[i].p_type == PT_LOAD && segments[i].p_flags & PF_X && at + 1 < end; at++) {
			if (at[0] == 0x0f && at[1] == 0x05)
				tell_site(image, table, at);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 ? tell_file(argv[1]) : run_rows();
}
