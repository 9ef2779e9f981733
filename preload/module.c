/* SPDX-License-Identifier: MIT */
/*
 * module.c - see module.h. The headers are read from memory, by a call that a hole in it can't hurt, and only where there are pages
 * already: a file system that waits for its server (FUSE, and the server may be the program itself) would keep us waiting too.
 */
#include "module.h"

#include <elf.h>
#include <string.h>

#include "look.h"
#include "recorder.h"
#include "sys.h"
#include "text.h"
#include "writer.h"

#include "inject.h"

#define NR_TOLD 1024 /* a power of two; further ones are told each time */
#define NOTES_MAX 512
#define ID_MAX 64
#define PATH_SPACE 4200

static uint64_t told[NR_TOLD] = { 0 }; /* hashes of device and inode, open addressing */
static uint32_t nr_told = 0;
static char buffer[PATH_SPACE] = { 0 }; /* under the recorder's lock */

void vmsc_module_forget(void)
{
	memset(told, 0, sizeof(told));
	nr_told = 0;
}

static bool is_told(const struct vmsc_seen_record *seen)
{
	uint64_t key = (seen->inode ^ (uint64_t)seen->dev_minor << 40 ^ (uint64_t)seen->dev_major << 52) + 1;
	uint32_t at = (key * 0x9e3779b97f4a7c15u) >> 54;

	while (told[at % NR_TOLD]) {
		if (told[at++ % NR_TOLD] == key)
			return true;
	}
	if (nr_told < NR_TOLD / 2) {
		told[at % NR_TOLD] = key;
		nr_told++;
	}
	return false;
}

static uint64_t page_there = 0; /* the one asked for last */

static bool is_there(uint64_t start, size_t size)
{
	uint64_t page = start & ~(VMSC_PAGE_SIZE - 1), last = (start + size - 1) & ~(VMSC_PAGE_SIZE - 1);

	if (page == last && page == page_there)
		return true;
	page_there = page;
	if (!vmsc_look_is_present(page) || (last != page && !vmsc_look_is_present(last)))
		page_there = 0;
	return page_there;
}

static bool peek(void *to, const struct vmsc_seen_record *seen, uint64_t offset, size_t size)
{
	const uint64_t length = seen->end - seen->start;

	return size <= length && offset <= length - size && is_there(seen->start + offset, size) &&
	       vmsc_sys_peek(to, seen->start + offset, size) == (long)size;
}

static void write_id(const unsigned char *id, uint32_t size, const char *name, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	struct vmsc_text text = vmsc_text_in(buffer, sizeof(buffer));

	for (uint32_t i = 0; i < size; i++) {
		vmsc_text_char(&text, digits[id[i] >> 4]);
		vmsc_text_char(&text, digits[id[i] & 15]);
	}
	vmsc_text_char(&text, ' ');
	for (size_t i = 0; i < length; i++)
		vmsc_text_char(&text, name[i]);
	if (!text.cut)
		vmsc_writer_string(VMSC_STRING_MODULE, text.at, text.length);
}

/* Looks for the build-id among @size bytes of notes. */
static bool tell_id(const unsigned char *notes, size_t size, const char *name, size_t length)
{
	Elf64_Nhdr note;
	size_t at = 0, data, next;

	while (at + sizeof(note) <= size) {
		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz > size || note.n_descsz > size)
			return false;
		data = at + sizeof(note) + ((note.n_namesz + 3) & ~3u);
		next = data + ((note.n_descsz + 3) & ~3u);
		if (next > size)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= ID_MAX &&
		    !memcmp(notes + at + sizeof(note), "GNU", 4)) {
			write_id(notes + data, note.n_descsz, name, length);
			return true;
		}
		at = next;
	}
	return false;
}

static bool tell_segment(const struct vmsc_seen_record *seen, const Elf64_Phdr *segment, const char *name,
			 size_t length)
{
	unsigned char notes[NOTES_MAX];
	size_t size = segment->p_filesz < sizeof(notes) ? segment->p_filesz : sizeof(notes);

	return segment->p_type == PT_NOTE && peek(notes, seen, segment->p_offset, size) &&
	       tell_id(notes, size, name, length);
}

void vmsc_module_tell(const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	Elf64_Ehdr head;
	Elf64_Phdr segment;

	page_there = 0;
	if (seen->offset || !seen->inode || !length || name[0] != '/' || !(seen->vm_flags & VMSC_VM(READ)))
		return;
	if (!peek(&head, seen, 0, sizeof(head)) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(segment) || is_told(seen))
		return;
	for (uint16_t i = 0; i < head.e_phnum && i < 64; i++) {
		if (peek(&segment, seen, head.e_phoff + i * sizeof(segment), sizeof(segment)) &&
		    tell_segment(seen, &segment, name, length))
			return;
	}
}
