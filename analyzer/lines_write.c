/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

struct writer {
	FILE *out;
	json_t *header;		 /* NULL once written */
	json_t *snapshot, *vmas; /* being gathered */
	bool flags_known;
	struct vmsc_extra_record extra; /* for the next call; a head of zeros: none */
	uint64_t calls;
};

static void write_line(struct writer *writer, json_t *line)
{
	json_dumpf(line, writer->out, JSON_COMPACT);
	fputc('\n', writer->out);
	json_decref(line);
}

static void flush_header(struct writer *writer)
{
	if (writer->header)
		write_line(writer, writer->header);
	writer->header = NULL;
}

static const char *name_of(const char *const *names, size_t nr, uint32_t index)
{
	return index < nr ? names[index] : names[0];
}

static json_t *begin_header(const struct vmsc_trace_header *from)
{
	json_t *header = json_object(), *process = json_object(), *capture = json_object(),
	       *recorded = json_object();

	vmsc_json_put(process, "pid", json_integer(from->pid));
	vmsc_json_put(process, "ppid", json_integer(from->ppid));
	vmsc_json_put(process, "started", vmsc_json_number(from->started));
	vmsc_json_put(process, "started_monotonic", vmsc_json_number(from->started_monotonic));
	vmsc_json_put(process, "process_started", vmsc_json_number(from->process_started));
	vmsc_json_put(capture, "mode", json_string(name_of(vmsc_capture_mode_names, 4, from->capture_mode)));
	vmsc_json_put(capture, "requested",
		      json_string(name_of(vmsc_capture_mode_names, 4, from->capture_requested)));
	vmsc_json_put(capture, "check", json_string(name_of(vmsc_check_mode_names, 3, from->check_mode)));
	vmsc_json_put(capture, "stacks", json_boolean(from->stacks));
	vmsc_json_put(recorded, "ended", json_string(name_of(vmsc_ended_names, 5, from->ended)));
	vmsc_json_put(recorded, "status", json_integer(from->exit_status));
	vmsc_json_put(recorded, "asked", vmsc_json_number(from->asked));
	vmsc_json_put(recorded, "lost", vmsc_json_number(from->lost));
	vmsc_json_put(recorded, "unordered", vmsc_json_number(from->unordered));
	vmsc_json_put(recorded, "unwound", vmsc_json_number(from->unwound));
	vmsc_json_put(header, "vmascope", json_string("calls/1"));
	vmsc_json_put(header, "kernel", json_string(""));
	vmsc_json_put(header, "page_size", json_integer(from->page_size));
	vmsc_json_put(header, "process", process);
	vmsc_json_put(header, "capture", capture);
	vmsc_json_put(header, "recorded", recorded);
	return header;
}

/* --- one record each --- */

static json_t *split_text(const char *text, size_t length, char separator)
{
	json_t *array = json_array();
	const char *end = text + length, *next;

	for (; text < end; text = next + 1) {
		next = memchr(text, separator, (size_t)(end - text));
		if (!next)
			next = end;
		if (next > text || !separator)
			vmsc_json_append(array, vmsc_json_bytes(text, (size_t)(next - text)));
	}
	return array;
}

static json_t *string_value(const struct vmsc_string_record *record)
{
	const char *text = vmsc_record_tail(&record->head, sizeof(*record));

	if (record->what == VMSC_STRING_ARGV)
		return split_text(text, record->length, '\0');
	if (record->what == VMSC_STRING_RULES)
		return split_text(text, record->length, ' ');
	return vmsc_json_bytes(text, record->length);
}

/* What is known of it. */
static void put_memory(json_t *object, const struct vmsc_memory_tail *tail)
{
	const struct {
		const char *key;
		uint64_t value;
	} told[] = {{"huge_page_size", tail->huge_page_size},
		    {"commit_most", tail->commit_most},
		    {"commit_limit", tail->commit_limit},
		    {"committed", tail->committed},
		    {"commit_reserve", tail->commit_reserve}};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (told[i].value)
			vmsc_json_put(object, told[i].key, vmsc_json_number(told[i].value));
}

static json_t *limits_json(const struct vmsc_limits_record *limits)
{
	const struct vmsc_memory_tail *tail = vmsc_memory_tail_of(limits);
	json_t *object = json_object();

	vmsc_json_put(object, "max_map_count", vmsc_json_number(limits->max_map_count));
	vmsc_json_put(object, "as", vmsc_json_limit(limits->as));
	vmsc_json_put(object, "data", vmsc_json_limit(limits->data));
	vmsc_json_put(object, "stack", vmsc_json_limit(limits->stack));
	vmsc_json_put(object, "memlock", vmsc_json_limit(limits->memlock));
	vmsc_json_put(object, "ipc_lock", json_boolean(limits->ipc_lock));
	vmsc_json_put(object, "overcommit", json_integer(limits->overcommit));
	vmsc_json_put(object, "mmap_min_addr", vmsc_json_number(limits->mmap_min_addr));
	vmsc_json_put(object, "stack_guard_gap", vmsc_json_number(limits->stack_guard_gap));
	if (tail)
		put_memory(object, tail);
	return object;
}

static json_t *layout_json(const struct vmsc_layout_record *layout)
{
	json_t *object = json_object();

	vmsc_json_put(object, "task_size", vmsc_json_hex(layout->task_size));
	vmsc_json_put(object, "mmap_base", vmsc_json_hex(layout->mmap_base));
	vmsc_json_put(object, "legacy_base", vmsc_json_hex(layout->legacy_base));
	vmsc_json_put(object, "legacy", json_boolean(layout->legacy));
	vmsc_json_put(object, "randomized", json_boolean(layout->randomized));
	vmsc_json_put(object, "start_brk", vmsc_json_hex(layout->start_brk));
	vmsc_json_put(object, "brk", vmsc_json_hex(layout->brk));
	vmsc_json_put(object, "start_data", vmsc_json_hex(layout->start_data));
	vmsc_json_put(object, "end_data", vmsc_json_hex(layout->end_data));
	vmsc_json_put(object, "start_stack", vmsc_json_hex(layout->start_stack));
	return object;
}

static json_t *file_json(const struct vmsc_file_record *file)
{
	json_t *object = json_object();
	char dev[24];

	vmsc_dev_text(file->dev_major, file->dev_minor, dev);
	vmsc_json_put(object, "id", json_integer(file->id));
	vmsc_json_put(object, "kind",
		      file->kind < 6 ? json_string(vmsc_file_kind_names[file->kind])
				     : json_integer(file->kind));
	vmsc_json_put(object, "mode", json_integer(file->mode));
	vmsc_json_put(object, "dev", json_string(dev));
	vmsc_json_put(object, "inode", vmsc_json_number(file->inode));
	vmsc_json_put(object, "path",
		      vmsc_json_bytes(vmsc_record_tail(&file->head, sizeof(*file)), file->length));
	if (file->learned_flags)
		vmsc_json_put(object, "learned_flags", vmsc_json_hex(file->learned_flags));
	if (file->huge_page_size)
		vmsc_json_put(object, "huge_page_size", vmsc_json_number(file->huge_page_size));
	return object;
}

static json_t *name_json(const struct vmsc_name_record *name)
{
	json_t *object = json_object();

	vmsc_json_put(object, "id", json_integer(name->id));
	vmsc_json_put(object, "text",
		      vmsc_json_bytes(vmsc_record_tail(&name->head, sizeof(*name)), name->length));
	return object;
}

static json_t *site_json(const struct vmsc_site_record *site)
{
	json_t *object = json_object();

	vmsc_json_put(object, "addr", vmsc_json_hex(site->addr));
	vmsc_json_put(object, "nr", site->nr == 0xffff ? json_null() : json_integer(site->nr));
	vmsc_json_put(object, "patched", json_boolean(site->patched));
	vmsc_json_put(object, "module",
		      vmsc_json_bytes(vmsc_record_tail(&site->head, sizeof(*site)), site->length));
	return object;
}

static json_t *own_json(const struct vmsc_own_record *own)
{
	json_t *object = json_object();

	vmsc_json_put(object, "start", vmsc_json_hex(own->start));
	vmsc_json_put(object, "end", vmsc_json_hex(own->end));
	return object;
}

static json_t *stack_json(const struct vmsc_stack_record *stack)
{
	const uint64_t *frames = vmsc_record_tail(&stack->head, sizeof(*stack));
	json_t *object = json_object(), *array = json_array();
	uint32_t i;

	for (i = 0; i < stack->nr; i++)
		vmsc_json_append(array, vmsc_json_hex(frames[i]));
	vmsc_json_put(object, "id", json_integer(stack->id));
	vmsc_json_put(object, "frames", array);
	return object;
}

static json_t *end_json(const struct vmsc_end_record *end)
{
	json_t *object = json_object();

	vmsc_json_put(object, "end", json_string(name_of(vmsc_ended_names, 5, end->ended)));
	vmsc_json_put(object, "status", json_integer(end->status));
	vmsc_json_put(object, "calls", vmsc_json_number(end->calls));
	vmsc_json_put(object, "lost", vmsc_json_number(end->lost));
	vmsc_json_put(object, "why",
		      vmsc_json_bytes(vmsc_record_tail(&end->head, sizeof(*end)), end->length));
	return object;
}

static json_t *mark_json(const struct vmsc_mark_record *mark)
{
	json_t *object = json_object();

	vmsc_json_put(object, "mark",
		      vmsc_json_bytes(vmsc_record_tail(&mark->head, sizeof(*mark)), mark->length));
	vmsc_json_put(object, "thread", json_integer(mark->tid));
	vmsc_json_put(object, "time", vmsc_json_number(mark->stamp));
	return object;
}

static json_t *touch_json(const struct vmsc_touch_record *touch)
{
	json_t *object = json_object();

	vmsc_json_put(object, "touch", vmsc_json_hex(touch->addr));
	vmsc_json_put(object, "len", json_integer((json_int_t)VMSC_PAGE_SIZE));
	vmsc_json_put(object, "write", json_true());
	return object;
}

static json_t *tables_json(const struct vmsc_tables_record *tables)
{
	const uint64_t *edges = vmsc_record_tail(&tables->head, sizeof(*tables));
	json_t *object = json_object(), *ranges = json_array(), *range;
	uint32_t i;

	for (i = 0; i + 1 < tables->nr; i += 2) {
		range = json_array();
		vmsc_json_append(range, vmsc_json_hex(edges[i]));
		vmsc_json_append(range, vmsc_json_hex(edges[i + 1]));
		vmsc_json_append(ranges, range);
	}
	vmsc_json_put(object, "tables", ranges);
	vmsc_json_put(object, "before", vmsc_json_number(tables->before));
	vmsc_json_put(object, "after", vmsc_json_number(tables->after));
	vmsc_json_put(object, "threads", json_integer(tables->threads));
	vmsc_json_put(object, "complete", json_boolean(tables->head.flags & VMSC_TABLES_COMPLETE));
	vmsc_json_put(object, "only_ranges", json_boolean(tables->head.flags & VMSC_TABLES_ONLY_RANGES));
	vmsc_json_put(object, "at_end", json_boolean(tables->head.flags & VMSC_TABLES_AT_END));
	return object;
}

/* --- snapshots --- */

static void begin_snapshot(struct writer *writer, const struct vmsc_snapshot_record *from)
{
	const char *when = vmsc_when_name(from->when);

	writer->snapshot = json_object();
	writer->vmas = json_array();
	writer->flags_known = from->flags_known;
	vmsc_json_put(writer->snapshot, "vmas", writer->vmas);
	vmsc_json_put(writer->snapshot, "when", when ? json_string(when) : json_integer(from->when));
	vmsc_json_put(writer->snapshot, "call", vmsc_json_number(writer->calls));
	vmsc_json_put(writer->snapshot, "start", vmsc_json_hex(from->start));
	vmsc_json_put(writer->snapshot, "end", vmsc_json_hex(from->end));
	vmsc_json_put(writer->snapshot, "flags_known", json_boolean(from->flags_known));
}

/* @end is NULL where the trace breaks off inside the snapshot. */
static void finish_snapshot(struct writer *writer, const struct vmsc_snapshot_end_record *end)
{
	if (!writer->snapshot)
		return;
	if (!end)
		vmsc_json_put(writer->snapshot, "unfinished", json_true());
	else if (end->nr != json_array_size(writer->vmas))
		vmsc_json_put(writer->snapshot, "listed", vmsc_json_number(end->nr));
	if (writer->header) {
		json_object_del(writer->snapshot, "call");
		if (json_object_update(writer->header, writer->snapshot))
			vmsc_out_of_memory();
		json_decref(writer->snapshot);
		flush_header(writer);
	} else {
		write_line(writer, writer->snapshot);
	}
	writer->snapshot = NULL;
}

/* --- the walk --- */

static void put_into_list(json_t *object, const char *key, json_t *value)
{
	json_t *list = json_object_get(object, key);

	if (!list) {
		list = json_array();
		vmsc_json_put(object, key, list);
	}
	vmsc_json_append(list, value);
}

/* A definition goes into the first line while that is not yet written, otherwise it is a line of its own. */
static void define(struct writer *writer, const char *kind, const char *list, json_t *value)
{
	json_t *line;

	if (writer->header && list) {
		put_into_list(writer->header, list, value);
		return;
	}
	if (writer->header && strcmp(kind, "stack")) {
		vmsc_json_put(writer->header, kind, value);
		return;
	}
	flush_header(writer);
	line = json_object();
	vmsc_json_put(line, "define", json_string(kind));
	if (json_object_update(line, value))
		vmsc_out_of_memory();
	json_decref(value);
	write_line(writer, line);
}

static void define_string(struct writer *writer, const struct vmsc_string_record *record)
{
	const char *key = vmsc_string_key(record->what);
	json_t *line;

	if (!key)
		return;
	if (!writer->header) {
		line = json_object();
		vmsc_json_put(line, "define", json_string("string"));
		vmsc_json_put(line, "what", json_string(key));
		vmsc_json_put(line, "text", string_value(record));
		write_line(writer, line);
	} else if (record->what == VMSC_STRING_PROBLEM) {
		put_into_list(writer->header, "problems", string_value(record));
	} else if (record->what == VMSC_STRING_MODULE) {
		put_into_list(writer->header, "modules", string_value(record));
	} else if (record->what == VMSC_STRING_RELEASE || record->what == VMSC_STRING_RULES ||
		   record->what == VMSC_STRING_RULES_SOURCE) {
		vmsc_json_put(writer->header, key, string_value(record));
	} else {
		vmsc_json_put(json_object_get(writer->header, "process"), key, string_value(record));
	}
}

static bool write_definition(struct writer *writer, const struct vmsc_record *record)
{
	const void *any = record;

	switch (record->type) {
	case VMSC_RECORD_STRING:
		define_string(writer, any);
		return true;
	case VMSC_RECORD_LIMITS:
		define(writer, "limits", NULL, limits_json(any));
		return true;
	case VMSC_RECORD_LAYOUT:
		define(writer, "layout", NULL, layout_json(any));
		return true;
	case VMSC_RECORD_FILE:
		define(writer, "file", "files", file_json(any));
		return true;
	case VMSC_RECORD_NAME:
		define(writer, "name", "names", name_json(any));
		return true;
	case VMSC_RECORD_SITE:
		define(writer, "site", "sites", site_json(any));
		return true;
	case VMSC_RECORD_OWN:
		define(writer, "own", "own", own_json(any));
		return true;
	case VMSC_RECORD_VMA:
		define(writer, "vma", "model", vmsc_vma_to_json(&((const struct vmsc_vma_record *)any)->vma));
		return true;
	case VMSC_RECORD_STACK:
		define(writer, "stack", NULL, stack_json(any));
		return true;
	default:
		return false;
	}
}

static void write_call(struct writer *writer, const struct vmsc_call_record *record)
{
	struct vmsc_written_call call;

	vmsc_written_call_of(&call, record, &writer->extra);
	writer->extra.head.type = 0;
	writer->calls++;
	write_line(writer, vmsc_call_to_json(&call));
}

static void write_event(struct writer *writer, const struct vmsc_record *record)
{
	const void *any = record;

	flush_header(writer);
	switch (record->type) {
	case VMSC_RECORD_EXTRA:
		writer->extra = *(const struct vmsc_extra_record *)any;
		break;
	case VMSC_RECORD_CALL:
		write_call(writer, any);
		break;
	case VMSC_RECORD_TOUCH:
		write_line(writer, touch_json(any));
		break;
	case VMSC_RECORD_TABLES:
		write_line(writer, tables_json(any));
		break;
	case VMSC_RECORD_MARK:
		write_line(writer, mark_json(any));
		break;
	case VMSC_RECORD_END:
		write_line(writer, end_json(any));
		break;
	default:
		break;
	}
}

static void write_record(struct writer *writer, const struct vmsc_record *record)
{
	const void *any = record;

	if (record->type == VMSC_RECORD_SEEN) {
		if (writer->snapshot)
			vmsc_json_append(writer->vmas, vmsc_seen_to_json(any, writer->flags_known));
		return;
	}
	if (record->type == VMSC_RECORD_SNAPSHOT_END) {
		finish_snapshot(writer, any);
		return;
	}
	finish_snapshot(writer, NULL);
	if (record->type == VMSC_RECORD_SNAPSHOT)
		begin_snapshot(writer, any);
	else if (!write_definition(writer, record))
		write_event(writer, record);
}

bool vmsc_lines_write(struct vmsc_trace *trace, FILE *out)
{
	struct writer writer = {.out = out};
	const struct vmsc_record *record;

	writer.header = begin_header(vmsc_trace_header(trace));
	while ((record = vmsc_trace_next(trace)))
		write_record(&writer, record);
	finish_snapshot(&writer, NULL);
	flush_header(&writer);
	return !trace->problem;
}
