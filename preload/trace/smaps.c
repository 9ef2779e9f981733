/* SPDX-License-Identifier: MIT */
/*
 * smaps.c - the text of /proc/PID/smaps and maps, as show_map_vma() and show_smap() of fs/proc/task_mmu.c print it.
 */
#include "vmascope/trace.h"

#include <errno.h>
#include <string.h>

/* What is left of a line. */
struct text {
	const char *at, *end;
};

static int digit_of(char c, unsigned int base)
{
	unsigned int digit = 99;

	if (c >= '0' && c <= '9')
		digit = (unsigned int)(c - '0');
	else if (c >= 'a' && c <= 'f')
		digit = (unsigned int)(c - 'a') + 10;
	return digit < base ? (int)digit : -1;
}

/* Reads a number of at least one digit, and the @after that must follow it. */
static bool read_number(struct text *text, unsigned int base, char after, uint64_t *number)
{
	const char *begin = text->at;
	int digit;

	*number = 0;
	while (text->at < text->end && (digit = digit_of(*text->at, base)) >= 0) {
		if (*number > (UINT64_MAX - (unsigned int)digit) / base)
			return false;
		*number = *number * base + (unsigned int)digit;
		text->at++;
	}
	if (text->at == begin)
		return false;
	if (text->at == text->end) /* the inode may end the line */
		return after == ' ' && base == 10;
	return *text->at++ == after;
}

static bool read_perms(struct text *text, uint64_t *vm_flags)
{
	static const struct {
		char letters[3];
		uint64_t flags[2];
	} places[4] = {
		{ "r-", { VMSC_VM(READ), 0 } },
		{ "w-", { VMSC_VM(WRITE), 0 } },
		{ "x-", { VMSC_VM(EXEC), 0 } },
		{ "sp", { VMSC_VM(MAYSHARE), 0 } },
	};

	*vm_flags = 0;
	if (text->end - text->at < 5 || text->at[4] != ' ')
		return false;
	for (int i = 0; i < 4; i++) {
		if (text->at[i] != places[i].letters[0] && text->at[i] != places[i].letters[1])
			return false;
		*vm_flags |= places[i].flags[text->at[i] == places[i].letters[1]];
	}
	text->at += 5;
	return true;
}

static bool read_device(struct text *text, struct vmsc_seen_record *seen)
{
	uint64_t major, minor;

	if (!read_number(text, 16, ':', &major) || !read_number(text, 16, ' ', &minor) || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return false;
	seen->dev_major = (uint32_t)major;
	seen->dev_minor = (uint32_t)minor;
	return true;
}

static bool read_vma(struct text *text, struct vmsc_seen_record *seen)
{
	memset(seen, 0, sizeof(*seen));
	return read_number(text, 16, '-', &seen->start) && read_number(text, 16, ' ', &seen->end) &&
	       seen->start < seen->end && read_perms(text, &seen->vm_flags) &&
	       read_number(text, 16, ' ', &seen->offset) && read_device(text, seen) &&
	       read_number(text, 10, ' ', &seen->inode);
}

static int hand_out(struct vmsc_smaps *smaps)
{
	if (!smaps->pending)
		return 0;
	smaps->pending = false;
	return smaps->emit(smaps->ctx, &smaps->seen, smaps->name, smaps->name_length);
}

static int take_vma(struct vmsc_smaps *smaps, struct text text)
{
	int err = hand_out(smaps);

	if (err)
		return err;
	if (!read_vma(&text, &smaps->seen))
		return -EBADMSG;
	while (text.at < text.end && *text.at == ' ')
		text.at++;
	smaps->name_length = (size_t)(text.end - text.at);
	if (smaps->name_length > sizeof(smaps->name))
		smaps->name_length = sizeof(smaps->name);
	if (smaps->name_length)
		memcpy(smaps->name, text.at, smaps->name_length);
	smaps->pending = true;
	return 0;
}

/* "rd wr mr ": two letters and a blank each. The protection key stands in a line of its own. */
static void take_flags(struct vmsc_smaps *smaps, struct text text)
{
	uint64_t vm_flags = smaps->seen.vm_flags & VMSC_VM_PKEY;

	for (; text.end - text.at >= 2; text.at += text.end - text.at > 2 ? 3 : 2) {
		vm_flags |= vmsc_vm_flag_of_code(text.at);
		if (text.at[0] == '?' && vm_flags & VMSC_VM(LOCKED)) /* 6.1 has no code for it */
			vm_flags |= VMSC_VM(LOCKONFAULT);
	}
	smaps->seen.vm_flags = vm_flags;
	smaps->flags_known = true;
}

static void take_key(struct vmsc_smaps *smaps, struct text text)
{
	uint64_t key;

	while (text.at < text.end && *text.at == ' ')
		text.at++;
	if (read_number(&text, 10, ' ', &key))
		smaps->seen.vm_flags |= key << VMSC_PKEY_SHIFT & VMSC_VM_PKEY;
}

/* Is this the line of @key? If so, text is set behind it. */
static bool is_key(struct text *text, const char *key, size_t length)
{
	if ((size_t)(text->end - text->at) < length || memcmp(text->at, key, length))
		return false;
	text->at += length;
	return true;
}

#define IS_KEY(text, key) is_key(text, key, sizeof(key) - 1)

static int take_line(struct vmsc_smaps *smaps, const char *line, size_t length)
{
	/* No longer than a line that comes in pieces can become. */
	struct text text = { line, line + (length < sizeof(smaps->line) ? length : sizeof(smaps->line)) };

	if (length && digit_of(*line, 16) >= 0)
		return take_vma(smaps, text);
	if (!smaps->pending)
		return -EBADMSG;
	if (IS_KEY(&text, "VmFlags: "))
		take_flags(smaps, text);
	else if (IS_KEY(&text, "ProtectionKey: "))
		take_key(smaps, text);
	return 0;
}

void vmsc_smaps_begin(struct vmsc_smaps *smaps,
		      int (*emit)(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length),
		      void *ctx)
{
	smaps->emit = emit;
	smaps->ctx = ctx;
	smaps->pending = smaps->flags_known = false;
	smaps->line_length = smaps->name_length = 0;
}

/* Keeps a part of a line; what is beyond the longest line is dropped, the line stays one. */
static void keep(struct vmsc_smaps *smaps, const char *text, size_t length)
{
	size_t room = sizeof(smaps->line) - smaps->line_length;

	if (length > room)
		length = room;
	memcpy(smaps->line + smaps->line_length, text, length);
	smaps->line_length += length;
}

static int take_kept(struct vmsc_smaps *smaps)
{
	size_t length = smaps->line_length;

	smaps->line_length = 0;
	return take_line(smaps, smaps->line, length);
}

int vmsc_smaps_feed(struct vmsc_smaps *smaps, const char *text, size_t length)
{
	const char *end = text + length, *newline;
	int err = 0;

	while (!err && text < end) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline) {
			keep(smaps, text, (size_t)(end - text));
			return 0;
		}
		if (smaps->line_length) {
			keep(smaps, text, (size_t)(newline - text));
			err = take_kept(smaps);
		} else {
			err = take_line(smaps, text, (size_t)(newline - text));
		}
		text = newline + 1;
	}
	return err;
}

int vmsc_smaps_finish(struct vmsc_smaps *smaps)
{
	int err = smaps->line_length ? take_kept(smaps) : 0;

	return err ? err : hand_out(smaps);
}
