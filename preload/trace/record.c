/* SPDX-License-Identifier: MIT */
/*
 * record.c - is a record what it says it is? Nothing that a file says is believed before these checks.
 */
#include "vmascope/trace.h"

#include <errno.h>
#include <string.h>

/* How long each type's fixed part is, where in it a count stands, and what is counted. */
struct shape {
	uint16_t fixed;
	uint16_t count; /* offset of the field, 0: nothing follows */
	uint8_t count_size, unit; /* bytes */
	uint32_t most;
};

/* clang-format off */
#define FIXED(type) { sizeof(type), 0, 0, 0, 0 }
#define TAILED(type, field, unit, most) { sizeof(type), offsetof(type, field), sizeof(((type *)0)->field), unit, most }

static const struct shape shapes[VMSC_NR_RECORD_TYPES] = {
	[VMSC_RECORD_STRING] = TAILED(struct vmsc_string_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_LIMITS] = FIXED(struct vmsc_limits_record),
	[VMSC_RECORD_LAYOUT] = FIXED(struct vmsc_layout_record),
	[VMSC_RECORD_FILE] = TAILED(struct vmsc_file_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_STACK] = TAILED(struct vmsc_stack_record, nr, 8, VMSC_STACK_MAX),
	[VMSC_RECORD_EXTRA] = FIXED(struct vmsc_extra_record),
	[VMSC_RECORD_CALL] = TAILED(struct vmsc_call_record, nr_args, 8, 6),
	[VMSC_RECORD_TOUCH] = FIXED(struct vmsc_touch_record),
	[VMSC_RECORD_SNAPSHOT] = FIXED(struct vmsc_snapshot_record),
	[VMSC_RECORD_SEEN] = TAILED(struct vmsc_seen_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_SNAPSHOT_END] = FIXED(struct vmsc_snapshot_end_record),
	[VMSC_RECORD_VMA] = FIXED(struct vmsc_vma_record),
	[VMSC_RECORD_NAME] = TAILED(struct vmsc_name_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_MARK] = TAILED(struct vmsc_mark_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_SITE] = TAILED(struct vmsc_site_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_OWN] = FIXED(struct vmsc_own_record),
	[VMSC_RECORD_END] = TAILED(struct vmsc_end_record, length, 1, VMSC_RECORD_MAX),
	[VMSC_RECORD_TABLES] = TAILED(struct vmsc_tables_record, nr, 8, VMSC_RECORD_MAX / 8),
	[VMSC_RECORD_FORGET] = TAILED(struct vmsc_forget_record, nr, 4, VMSC_RECORD_MAX / 4),
};
/* clang-format on */

static uint32_t count_in(const struct vmsc_record *record, const struct shape *shape)
{
	const char *field = (const char *)record + shape->count;
	uint16_t narrow;
	uint32_t wide;

	if (!shape->count)
		return 0;
	if (shape->count_size == sizeof(narrow)) {
		memcpy(&narrow, field, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, field, sizeof(wide));
	return wide;
}

static const char *fault_of(const struct vmsc_record *record, size_t left)
{
	const struct shape *shape;
	uint32_t count;

	if (record->type >= VMSC_NR_RECORD_TYPES)
		return "a record of unknown type";
	shape = &shapes[record->type];
	if (record->size % 8 || record->size > VMSC_RECORD_MAX || record->size > left)
		return "a record whose size can't be";
	if (record->size < shape->fixed)
		return "a record that is shorter than its type";
	count = count_in(record, shape);
	if (count > shape->most || (uint64_t)count * shape->unit > record->size - shape->fixed)
		return "a record that promises more than it holds";
	return NULL;
}

int vmsc_record_check(const struct vmsc_record *record, size_t left, const char **what)
{
	*what = NULL;
	if (left < sizeof(*record) || !record->type)
		return -ENODATA;
	*what = fault_of(record, left);
	return *what ? -EBADMSG : 0;
}

void vmsc_call_args(const struct vmsc_call_record *record, uint64_t args[6])
{
	const uint64_t *written = (const void *)vmsc_record_tail(&record->head, sizeof(*record));

	for (uint32_t i = 0; i < 6; i++)
		args[i] = i < record->nr_args ? written[i] : 0;
	if (record->head.flags & VMSC_CALL_NO_FILE && record->nr_args < 5)
		args[4] = UINT64_MAX;
}

static const char *fault_of_header(const struct vmsc_trace_header *header, size_t size)
{
	if (size < VMSC_TRACE_HEADER_SIZE)
		return "shorter than a trace's header";
	if (memcmp(header->magic, VMSC_TRACE_MAGIC, sizeof(header->magic)))
		return "not a trace: it does not begin with \"" VMSC_TRACE_MAGIC "\"";
	if (header->endian != VMSC_TRACE_ENDIAN)
		return "recorded on a machine with another byte order";
	if (!header->version || header->version > VMSC_TRACE_VERSION)
		return "of another format version than this program reads";
	if (vmsc_crc32c(0, header, offsetof(struct vmsc_trace_header, crc)) != header->crc)
		return "the header's checksum is wrong";
	if (header->header_size != VMSC_TRACE_HEADER_SIZE || header->block_size != VMSC_TRACE_BLOCK_SIZE)
		return "header and blocks are not of this format's sizes";
	if (header->page_size != VMSC_PAGE_SIZE)
		return "recorded with pages that are not of 4096 bytes";
	return NULL;
}

int vmsc_header_check(const struct vmsc_trace_header *header, size_t size, const char **what)
{
	*what = fault_of_header(header, size);
	return *what ? -EBADMSG : 0;
}

const char *vmsc_when_name(unsigned int when)
{
	static const char *const names[VMSC_NR_WHENS] = {
		"attach", "fork", "exit", "exec", "signal", "request", "resume", "call", "undetermined",
	};

	return when < VMSC_NR_WHENS ? names[when] : "unknown";
}
