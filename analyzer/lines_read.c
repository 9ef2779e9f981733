/* SPDX-License-Identifier: MIT */
/*
 * What is read here may come from anywhere: each line is checked by itself, and a reason is given for what is
 * refused.
 */
#include "lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "lines_define.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

#define TOUCH_MAX_PAGES	    65536
#define TOUCH_ALL_MAX_PAGES (4 * TOUCH_MAX_PAGES) /* a record each: 4 MiB, however many lines ask for them   \
						   */

static bool read_call(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_written_call call;

	if (!vmsc_call_of_json(&call, line, &reader->why))
		return false;
	if (call.has_extra) {
		call.extra.head = (struct vmsc_record){.type = VMSC_RECORD_EXTRA};
		if (!vmsc_line_add(reader, &call.extra, sizeof(call.extra), NULL, 0))
			return false;
	}
	call.record.head.type = VMSC_RECORD_CALL;
	return vmsc_line_add(reader, &call.record, sizeof(call.record), call.args,
			     call.record.nr_args * sizeof(uint64_t));
}

static bool read_touch(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_touch_record touch = {.head = {.type = VMSC_RECORD_TOUCH}};
	uint64_t length = VMSC_PAGE_SIZE, done;

	if (!vmsc_line_keys(reader, line, "touch len write force result"))
		return false;
	if (!vmsc_json_get_u64(json_object_get(line, "touch"), &touch.addr) ||
	    !vmsc_field_u64(line, "len", TOUCH_MAX_PAGES * VMSC_PAGE_SIZE, &length))
		return vmsc_line_refuse(reader, "a touch needs an address and a len of at most 65536 pages");
	if (json_is_false(json_object_get(line, "write")))
		return true;
	reader->touched += length ? (length - 1) / VMSC_PAGE_SIZE : 0;
	if (reader->touched > TOUCH_ALL_MAX_PAGES)
		return vmsc_line_refuse(reader, "touches of more than one page are %d pages in all at most",
					TOUCH_ALL_MAX_PAGES);
	for (done = 0; done < length; done += VMSC_PAGE_SIZE, touch.addr += VMSC_PAGE_SIZE)
		if (!vmsc_line_add(reader, &touch, sizeof(touch), NULL, 0))
			return false;
	return true;
}

#define MAX_EDGES (VMSC_RECORD_MAX / 16) /* numbers in one record, with room to spare */

static bool read_edges(const json_t *ranges, uint64_t *edges, uint32_t *nr)
{
	size_t i;

	if (!json_is_array(ranges) || json_array_size(ranges) > MAX_EDGES / 2)
		return false;
	for (i = 0; i < json_array_size(ranges); i++) {
		const json_t *range = json_array_get(ranges, i);

		if (json_array_size(range) != 2 ||
		    !vmsc_json_get_u64(json_array_get(range, 0), &edges[2 * i]) ||
		    !vmsc_json_get_u64(json_array_get(range, 1), &edges[2 * i + 1]))
			return false;
	}
	*nr = (uint32_t)json_array_size(ranges) * 2;
	return true;
}

static bool read_tables(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_tables_record tables = {.head = {.type = VMSC_RECORD_TABLES}};
	uint64_t edges[MAX_EDGES], threads = 1;

	if (!vmsc_line_keys(reader, line, "tables before after threads complete only_ranges at_end"))
		return false;
	if (!read_edges(json_object_get(line, "tables"), edges, &tables.nr) ||
	    !vmsc_field_u64(line, "before", UINT64_MAX, &tables.before) ||
	    !vmsc_field_u64(line, "after", UINT64_MAX, &tables.after) ||
	    !vmsc_field_u64(line, "threads", UINT32_MAX, &threads))
		return vmsc_line_refuse(reader,
					"\"tables\" is a list of at most %d [start, end]; before, after, "
					"threads are numbers",
					(int)MAX_EDGES / 2);
	tables.threads = (uint32_t)threads;
	if (json_is_true(json_object_get(line, "complete")))
		tables.head.flags |= VMSC_TABLES_COMPLETE;
	if (json_is_true(json_object_get(line, "only_ranges")))
		tables.head.flags |= VMSC_TABLES_ONLY_RANGES;
	if (json_is_true(json_object_get(line, "at_end")))
		tables.head.flags |= VMSC_TABLES_AT_END;
	return vmsc_line_add(reader, &tables, sizeof(tables), edges, tables.nr * sizeof(*edges));
}

static bool read_when(struct vmsc_line_reader *reader, const json_t *line, uint32_t *when)
{
	const char *text = json_string_value(json_object_get(line, "when"));

	for (*when = 0; *when < VMSC_NR_WHENS; (*when)++)
		if (!text || !strcmp(text, vmsc_when_name(*when)))
			return true;
	return vmsc_line_refuse(reader, "\"when\" of a snapshot is not known: %.40s", text);
}

static bool read_seen(struct vmsc_line_reader *reader, const json_t *value, uint64_t *end, bool flags_known)
{
	struct vmsc_seen_record seen;
	const char *why;
	char *path;
	size_t length;
	bool has_flags, good;

	if (!vmsc_seen_of_json(value, &seen, &path, &length, &has_flags, &why))
		return vmsc_line_refuse(reader, "%s", why);
	seen.head.type = VMSC_RECORD_SEEN;
	seen.length = (uint32_t)length;
	if (seen.start < *end)
		good = vmsc_line_refuse(reader, "VMA 0x%" PRIx64 " of a snapshot is not above the one before",
					seen.start);
	else if (flags_known && !has_flags)
		good = vmsc_line_refuse(reader, "VMA 0x%" PRIx64 " has no \"flags\"", seen.start);
	else
		good = vmsc_line_add(reader, &seen, sizeof(seen), path, length);
	*end = seen.end;
	free(path);
	return good;
}

static bool all_have_flags(const json_t *vmas)
{
	size_t i;

	for (i = 0; i < json_array_size(vmas); i++)
		if (!json_object_get(json_array_get(vmas, i), "flags"))
			return false;
	return true;
}

/* The keys of a snapshot in @line, which may be the first line. */
static bool read_snapshot(struct vmsc_line_reader *reader, const json_t *line, uint32_t when)
{
	struct vmsc_snapshot_record begin = {
		.head = {.type = VMSC_RECORD_SNAPSHOT}, .end = UINT64_MAX, .when = when};
	struct vmsc_snapshot_end_record finish = {.head = {.type = VMSC_RECORD_SNAPSHOT_END}};
	const json_t *vmas = json_object_get(line, "vmas"), *known = json_object_get(line, "flags_known");
	uint64_t last = 0;
	size_t i;

	if (!json_is_array(vmas) || !vmsc_field_u64(line, "start", UINT64_MAX, &begin.start) ||
	    !vmsc_field_u64(line, "end", UINT64_MAX, &begin.end))
		return vmsc_line_refuse(
			reader, "a snapshot needs an array of \"vmas\", and start and end as numbers");
	if (json_object_get(line, "when") && !read_when(reader, line, &begin.when))
		return false;
	begin.flags_known = known ? json_is_true(known) : all_have_flags(vmas);
	if (!vmsc_line_add(reader, &begin, sizeof(begin), NULL, 0))
		return false;
	for (i = 0; i < json_array_size(vmas); i++)
		if (!read_seen(reader, json_array_get(vmas, i), &last, begin.flags_known))
			return false;
	finish.nr = json_array_size(vmas);
	if (!vmsc_field_u64(line, "listed", UINT64_MAX, &finish.nr))
		return vmsc_line_refuse(reader, "\"listed\" is no number");
	return json_is_true(json_object_get(line, "unfinished")) ||
	       vmsc_line_add(reader, &finish, sizeof(finish), NULL, 0);
}

static bool read_mark(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_mark_record mark = {.head = {.type = VMSC_RECORD_MARK}};

	if (!vmsc_line_keys(reader, line, "mark thread time"))
		return false;
	if (!vmsc_field_u32(line, "thread", &mark.tid) ||
	    !vmsc_field_u64(line, "time", UINT64_MAX, &mark.stamp))
		return vmsc_line_refuse(reader, "thread and time of a mark must be numbers");
	return vmsc_line_add_text(reader, &mark, sizeof(mark), &mark.length, json_object_get(line, "mark"));
}

static bool read_end(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_end_record end = {.head = {.type = VMSC_RECORD_END}, .calls = reader->image->calls};

	if (!vmsc_line_keys(reader, line, "end status calls lost why"))
		return false;
	end.ended = (uint32_t)vmsc_name_index(json_string_value(json_object_get(line, "end")),
					      vmsc_ended_names, 5);
	end.status = (int32_t)json_integer_value(json_object_get(line, "status"));
	if (end.ended >= 5 || !vmsc_field_u64(line, "calls", UINT64_MAX, &end.calls) ||
	    !vmsc_field_u64(line, "lost", UINT64_MAX, &end.lost))
		return vmsc_line_refuse(
			reader, "\"end\" must be exit, exec, signal or stopped; calls and lost numbers");
	return vmsc_line_add_text(reader, &end, sizeof(end), &end.length, json_object_get(line, "why"));
}

static bool read_event(struct vmsc_line_reader *reader, const json_t *line)
{
	if (json_object_get(line, "vmas"))
		return vmsc_line_keys(reader, line,
				      "vmas when call start end flags_known listed unfinished") &&
		       read_snapshot(reader, line, VMSC_WHEN_REQUEST);
	if (json_object_get(line, "call"))
		return read_call(reader, line);
	if (json_object_get(line, "touch"))
		return read_touch(reader, line);
	if (json_object_get(line, "tables"))
		return read_tables(reader, line);
	if (json_object_get(line, "define"))
		return vmsc_line_define(reader, line);
	if (json_object_get(line, "mark"))
		return read_mark(reader, line);
	if (json_object_get(line, "end"))
		return read_end(reader, line);
	return vmsc_line_refuse(reader, "has none of call, touch, tables, vmas, define, mark, end");
}

static bool read_first(struct vmsc_line_reader *reader, const json_t *line)
{
	if (!vmsc_line_header(reader, line))
		return false;
	return !json_object_get(line, "vmas") || read_snapshot(reader, line, VMSC_WHEN_ATTACH);
}

static bool read_line(struct vmsc_line_reader *reader, const char *text, size_t length, bool first)
{
	json_error_t error;
	json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	bool good;

	if (!line)
		return vmsc_line_refuse(reader, "no JSON: %s", error.text);
	if (!json_is_object(line))
		good = vmsc_line_refuse(reader, "is no JSON object");
	else if (reader->image->ended)
		good = vmsc_line_refuse(reader, "follows the end");
	else
		good = first ? read_first(reader, line) : read_event(reader, line);
	json_decref(line);
	return good;
}

static bool is_blank(const char *text, size_t length)
{
	while (length && strchr(" \t\r", text[length - 1]) && text[length - 1])
		length--;
	return !length;
}

bool vmsc_lines_read(const char *text, size_t size, struct vmsc_image *image, char **why)
{
	struct vmsc_line_reader reader = {.image = image};
	const char *end = text + size, *next;
	uint64_t number = 0;
	bool first = true;

	memset(image, 0, sizeof(*image));
	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		number++;
		if (is_blank(text, (size_t)(next - text)))
			continue;
		if (!read_line(&reader, text, (size_t)(next - text), first)) {
			*why = vmsc_format("line %" PRIu64 ": %s", number, reader.why);
			free(reader.why);
			vmsc_image_free(image);
			return false;
		}
		first = false;
	}
	if (first) {
		*why = vmsc_format("line 1: there is none");
		return false;
	}
	vmsc_image_finish(image);
	return true;
}
