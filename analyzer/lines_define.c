/* SPDX-License-Identifier: MIT */
#include "lines_define.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

bool vmsc_line_refuse(struct vmsc_line_reader *reader, const char *format, ...)
{
	va_list args;

	free(reader->why);
	va_start(args, format);
	if (vasprintf(&reader->why, format, args) < 0)
		vmsc_out_of_memory();
	va_end(args);
	return false;
}

bool vmsc_line_keys(struct vmsc_line_reader *reader, const json_t *object, const char *keys)
{
	const char *key;

	return vmsc_only_keys(object, keys, &key) ||
	       vmsc_line_refuse(reader, "\"%.40s\" is not known here", key);
}

bool vmsc_line_add(struct vmsc_line_reader *reader, const void *record, size_t fixed, const void *tail,
		   size_t length)
{
	return vmsc_image_add(reader->image, record, fixed, tail, length) ||
	       vmsc_line_refuse(reader, "is too long: a record holds at most %d bytes", VMSC_RECORD_MAX);
}

bool vmsc_line_add_text(struct vmsc_line_reader *reader, const void *record, size_t fixed, uint32_t *length,
			const json_t *text)
{
	size_t size = 0;
	char *bytes = NULL;
	bool good;

	if (text && !(bytes = vmsc_json_get_bytes(text, &size)))
		return vmsc_line_refuse(reader, "a name, path or text is no string");
	*length = (uint32_t)size;
	good = vmsc_line_add(reader, record, fixed, bytes, size);
	free(bytes);
	return good;
}

/* Strings of an array, each followed (ARGV) or separated (rules) by @separator. */
static char *join(const json_t *array, char separator, size_t *length)
{
	char *joined = vmsc_alloc(1), *part;
	size_t i, n;

	*length = 0;
	for (i = 0; i < json_array_size(array); i++) {
		part = vmsc_json_get_bytes(json_array_get(array, i), &n);
		if (!part) {
			free(joined);
			return NULL;
		}
		joined = vmsc_grow(joined, *length + n + 2, 1);
		if (separator && i)
			joined[(*length)++] = separator;
		memcpy(joined + *length, part, n + 1);
		*length += n + !separator;
		free(part);
	}
	return joined;
}

static bool define_string(struct vmsc_line_reader *reader, uint32_t what, const json_t *value)
{
	struct vmsc_string_record record = {.head = {.type = VMSC_RECORD_STRING}, .what = what};
	size_t length;
	char *text;
	bool good;

	if (!value)
		return true;
	if (!json_is_array(value))
		return vmsc_line_add_text(reader, &record, sizeof(record), &record.length, value);
	text = join(value, what == VMSC_STRING_ARGV ? '\0' : ' ', &length);
	if (!text)
		return vmsc_line_refuse(reader, "\"%s\" is no array of strings", vmsc_string_key(what));
	record.length = (uint32_t)length;
	good = vmsc_line_add(reader, &record, sizeof(record), text, length);
	free(text);
	return good;
}

static bool define_string_line(struct vmsc_line_reader *reader, const json_t *line)
{
	const char *what = json_string_value(json_object_get(line, "what"));
	uint32_t i;

	for (i = VMSC_STRING_COMM; vmsc_string_key(i); i++)
		if (what && !strcmp(what, vmsc_string_key(i)))
			return define_string(reader, i, json_object_get(line, "text"));
	return vmsc_line_refuse(reader, "\"what\" of a string is not known");
}

static bool read_memory(struct vmsc_memory_tail *tail, const json_t *value)
{
	return vmsc_field_u64(value, "huge_page_size", UINT64_MAX, &tail->huge_page_size) &&
	       vmsc_field_u64(value, "commit_most", UINT64_MAX, &tail->commit_most) &&
	       vmsc_field_u64(value, "commit_limit", UINT64_MAX, &tail->commit_limit) &&
	       vmsc_field_u64(value, "committed", UINT64_MAX, &tail->committed) &&
	       vmsc_field_u64(value, "commit_reserve", UINT64_MAX, &tail->commit_reserve);
}

static bool define_limits(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_limits_record limits = {
		.head = {.type = VMSC_RECORD_LIMITS},
		.max_map_count = 65530,
		.as = UINT64_MAX,
		.data = UINT64_MAX,
		.stack = 8 << 20,
		.memlock = 8 << 20,
		.mmap_min_addr = 65536,
		.stack_guard_gap = 256 * VMSC_PAGE_SIZE,
	};
	struct vmsc_memory_tail tail = {.commit_most = 0};
	const struct vmsc_memory_tail none = tail;

	if (!vmsc_line_keys(
		    reader, value,
		    "define max_map_count as data stack memlock ipc_lock overcommit mmap_min_addr "
		    "stack_guard_gap huge_page_size commit_most commit_limit committed commit_reserve"))
		return false;
	limits.ipc_lock = json_is_true(json_object_get(value, "ipc_lock"));
	if (!vmsc_field_u64(value, "max_map_count", UINT64_MAX, &limits.max_map_count) ||
	    !vmsc_field_u64(value, "as", UINT64_MAX, &limits.as) ||
	    !vmsc_field_u64(value, "data", UINT64_MAX, &limits.data) ||
	    !vmsc_field_u64(value, "stack", UINT64_MAX, &limits.stack) ||
	    !vmsc_field_u64(value, "memlock", UINT64_MAX, &limits.memlock) ||
	    !vmsc_field_u32(value, "overcommit", &limits.overcommit) ||
	    !vmsc_field_u64(value, "mmap_min_addr", UINT64_MAX, &limits.mmap_min_addr) ||
	    !vmsc_field_u64(value, "stack_guard_gap", UINT64_MAX, &limits.stack_guard_gap) ||
	    !read_memory(&tail, value))
		return vmsc_line_refuse(reader, "a limit is no number");
	return vmsc_line_add(reader, &limits, sizeof(limits), &tail,
			     memcmp(&tail, &none, sizeof(tail)) ? sizeof(tail) : 0);
}

static bool define_layout(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_layout_record layout = {.head = {.type = VMSC_RECORD_LAYOUT},
					    .task_size = (UINT64_C(1) << 47) - VMSC_PAGE_SIZE};

	if (!vmsc_line_keys(reader, value,
			    "define task_size mmap_base legacy_base legacy randomized start_brk brk "
			    "start_data end_data "
			    "start_stack"))
		return false;
	layout.legacy = json_is_true(json_object_get(value, "legacy"));
	layout.randomized = json_is_true(json_object_get(value, "randomized"));
	if (!vmsc_field_u64(value, "task_size", UINT64_MAX, &layout.task_size) ||
	    !vmsc_field_u64(value, "mmap_base", UINT64_MAX, &layout.mmap_base) ||
	    !vmsc_field_u64(value, "legacy_base", UINT64_MAX, &layout.legacy_base) ||
	    !vmsc_field_u64(value, "start_brk", UINT64_MAX, &layout.start_brk) ||
	    !vmsc_field_u64(value, "brk", UINT64_MAX, &layout.brk) ||
	    !vmsc_field_u64(value, "start_data", UINT64_MAX, &layout.start_data) ||
	    !vmsc_field_u64(value, "end_data", UINT64_MAX, &layout.end_data) ||
	    !vmsc_field_u64(value, "start_stack", UINT64_MAX, &layout.start_stack))
		return vmsc_line_refuse(reader, "an address of the layout is no number");
	return vmsc_line_add(reader, &layout, sizeof(layout), NULL, 0);
}

static bool define_file(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_file_record file = {.head = {.type = VMSC_RECORD_FILE}, .mode = VMSC_FILE_READ};
	const json_t *kind = json_object_get(value, "kind"), *dev = json_object_get(value, "dev");

	if (!vmsc_line_keys(reader, value, "define id kind mode dev inode path learned_flags huge_page_size"))
		return false;
	if (json_is_string(kind))
		file.kind = (uint32_t)vmsc_name_index(json_string_value(kind), vmsc_file_kind_names, 6);
	else if (!vmsc_field_u32(value, "kind", &file.kind))
		file.kind = 6;
	if (file.kind >= 6)
		return vmsc_line_refuse(reader, "\"kind\" of a file is not known");
	if (!vmsc_field_u32(value, "id", &file.id) || !file.id ||
	    !vmsc_field_u32(value, "mode", &file.mode) ||
	    (dev && !vmsc_dev_of_text(json_string_value(dev), &file.dev_major, &file.dev_minor)) ||
	    !vmsc_field_u64(value, "inode", UINT64_MAX, &file.inode) ||
	    !vmsc_field_u64(value, "learned_flags", UINT64_MAX, &file.learned_flags) ||
	    !vmsc_field_u64(value, "huge_page_size", UINT64_MAX, &file.huge_page_size))
		return vmsc_line_refuse(reader,
					"a file needs an id > 0; mode, inode as numbers, dev as \"fe:01\"");
	return vmsc_line_add_text(reader, &file, sizeof(file), &file.length, json_object_get(value, "path"));
}

static bool define_name(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_name_record name = {.head = {.type = VMSC_RECORD_NAME}};

	if (!vmsc_line_keys(reader, value, "define id text"))
		return false;
	if (!vmsc_field_u32(value, "id", &name.id) || !name.id)
		return vmsc_line_refuse(reader, "a name needs an id > 0");
	return vmsc_line_add_text(reader, &name, sizeof(name), &name.length, json_object_get(value, "text"));
}

static bool define_site(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_site_record site = {.head = {.type = VMSC_RECORD_SITE}};
	const json_t *nr = json_object_get(value, "nr");
	uint32_t number = 0xffff;

	if (!vmsc_line_keys(reader, value, "define addr nr patched module"))
		return false;
	if (!vmsc_field_u64(value, "addr", UINT64_MAX, &site.addr) ||
	    (!json_is_null(nr) && !vmsc_field_u32(value, "nr", &number)) || number > 0xffff)
		return vmsc_line_refuse(reader, "addr and nr of a site must be numbers");
	site.nr = (uint16_t)number;
	site.patched = json_is_true(json_object_get(value, "patched"));
	return vmsc_line_add_text(reader, &site, sizeof(site), &site.length,
				  json_object_get(value, "module"));
}

static bool define_own(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_own_record own = {.head = {.type = VMSC_RECORD_OWN}};

	if (!vmsc_line_keys(reader, value, "define start end"))
		return false;
	if (!vmsc_json_get_u64(json_object_get(value, "start"), &own.start) ||
	    !vmsc_json_get_u64(json_object_get(value, "end"), &own.end))
		return vmsc_line_refuse(reader, "start and end of an own range must be numbers");
	return vmsc_line_add(reader, &own, sizeof(own), NULL, 0);
}

static bool define_vma(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_vma_record record = {.head = {.type = VMSC_RECORD_VMA}};

	if (!vmsc_line_keys(reader, value,
			    "define start end flags pkey pgoff born file anon_vma policy uffd name traits"))
		return false;
	if (!vmsc_vma_of_json(value, &record.vma))
		return vmsc_line_refuse(reader,
					"a modelled VMA needs start, end and flags, and numbers otherwise");
	return vmsc_line_add(reader, &record, sizeof(record), NULL, 0);
}

static bool define_stack(struct vmsc_line_reader *reader, const json_t *value)
{
	struct vmsc_stack_record stack = {.head = {.type = VMSC_RECORD_STACK}};
	const json_t *frames = json_object_get(value, "frames");
	uint64_t addresses[VMSC_STACK_MAX];
	size_t i, nr = json_array_size(frames);

	if (!vmsc_line_keys(reader, value, "define id frames"))
		return false;
	if (!json_is_array(frames) || nr > VMSC_STACK_MAX || !vmsc_field_u32(value, "id", &stack.id) ||
	    !stack.id)
		return vmsc_line_refuse(reader, "a stack needs an id > 0 and at most %d frames",
					VMSC_STACK_MAX);
	for (i = 0; i < nr; i++)
		if (!vmsc_json_get_u64(json_array_get(frames, i), &addresses[i]))
			return vmsc_line_refuse(reader, "a frame of a stack is no address");
	stack.nr = (uint32_t)nr;
	return vmsc_line_add(reader, &stack, sizeof(stack), addresses, nr * sizeof(uint64_t));
}

/* clang-format off */
static const struct definition {
	const char *kind;
	const char *list; /* its key in the first line */
	bool many; /* there it is an array of them */
	bool (*define)(struct vmsc_line_reader *reader, const json_t *value);
} definitions[] = {
	{ "limits", "limits", false, define_limits },
	{ "layout", "layout", false, define_layout },
	{ "own", "own", true, define_own },
	{ "name", "names", true, define_name },
	{ "file", "files", true, define_file },
	{ "site", "sites", true, define_site },
	{ "vma", "model", true, define_vma },
	{ "stack", "stacks", true, define_stack },
	{ "string", NULL, false, define_string_line },
};
/* clang-format on */

#define NR_DEFINITIONS (sizeof(definitions) / sizeof(definitions[0]))

bool vmsc_line_define(struct vmsc_line_reader *reader, const json_t *line)
{
	const char *kind = json_string_value(json_object_get(line, "define"));
	size_t i;

	for (i = 0; i < NR_DEFINITIONS; i++)
		if (kind && !strcmp(kind, definitions[i].kind))
			return definitions[i].define(reader, line);
	return vmsc_line_refuse(reader, "\"define\" defines nothing that is known here");
}

static bool define_all(struct vmsc_line_reader *reader, const json_t *header)
{
	const json_t *value;
	size_t i, n;

	for (i = 0; i < NR_DEFINITIONS; i++) {
		value = definitions[i].list ? json_object_get(header, definitions[i].list) : NULL;
		if (!value)
			continue;
		if (!definitions[i].many) {
			if (!json_is_object(value))
				return vmsc_line_refuse(reader, "\"%s\" is no object", definitions[i].list);
			if (!definitions[i].define(reader, value))
				return false;
			continue;
		}
		if (!json_is_array(value))
			return vmsc_line_refuse(reader, "\"%s\" is no array", definitions[i].list);
		for (n = 0; n < json_array_size(value); n++)
			if (!json_is_object(json_array_get(value, n)) ||
			    !definitions[i].define(reader, json_array_get(value, n)))
				return reader->why
					       ? false
					       : vmsc_line_refuse(reader,
								  "\"%s\" holds something else than objects",
								  definitions[i].list);
	}
	return true;
}

static bool define_strings(struct vmsc_line_reader *reader, const json_t *header, const json_t *process)
{
	const json_t *problems = json_object_get(header, "problems"),
		     *modules = json_object_get(header, "modules");
	size_t i;

	if (!define_string(reader, VMSC_STRING_COMM, json_object_get(process, "comm")) ||
	    !define_string(reader, VMSC_STRING_EXE, json_object_get(process, "exe")) ||
	    !define_string(reader, VMSC_STRING_ARGV, json_object_get(process, "argv")) ||
	    !define_string(reader, VMSC_STRING_CWD, json_object_get(process, "cwd")) ||
	    !define_string(reader, VMSC_STRING_RELEASE, json_object_get(header, "kernel")) ||
	    !define_string(reader, VMSC_STRING_RULES, json_object_get(header, "rules")) ||
	    !define_string(reader, VMSC_STRING_RULES_SOURCE, json_object_get(header, "rules_source")))
		return false;
	for (i = 0; i < json_array_size(problems); i++)
		if (!define_string(reader, VMSC_STRING_PROBLEM, json_array_get(problems, i)))
			return false;
	for (i = 0; i < json_array_size(modules); i++)
		if (!define_string(reader, VMSC_STRING_MODULE, json_array_get(modules, i)))
			return false;
	return true;
}

static bool index_field(const json_t *object, const char *key, const char *const *names, size_t nr,
			uint32_t *index)
{
	const json_t *value = json_object_get(object, key);

	if (value)
		*index = (uint32_t)vmsc_name_index(json_string_value(value), names, nr);
	return *index < nr;
}

static bool read_about(struct vmsc_trace_header *header, const json_t *line)
{
	const json_t *process = json_object_get(line, "process"), *capture = json_object_get(line, "capture");
	const json_t *recorded = json_object_get(line, "recorded");

	header->capture_mode = header->capture_requested = VMSC_CAPTURE_FULL;
	header->ended = VMSC_ENDED_NOT;
	header->stacks = json_is_true(json_object_get(capture, "stacks"));
	header->exit_status = (int32_t)json_integer_value(json_object_get(recorded, "status"));
	return vmsc_field_u32(process, "pid", &header->pid) &&
	       vmsc_field_u32(process, "ppid", &header->ppid) &&
	       vmsc_field_u64(process, "started", UINT64_MAX, &header->started) &&
	       vmsc_field_u64(process, "started_monotonic", UINT64_MAX, &header->started_monotonic) &&
	       vmsc_field_u64(process, "process_started", UINT64_MAX, &header->process_started) &&
	       index_field(capture, "mode", vmsc_capture_mode_names, 4, &header->capture_mode) &&
	       index_field(capture, "requested", vmsc_capture_mode_names, 4, &header->capture_requested) &&
	       index_field(capture, "check", vmsc_check_mode_names, 3, &header->check_mode) &&
	       index_field(recorded, "ended", vmsc_ended_names, 5, &header->ended) &&
	       vmsc_field_u64(recorded, "asked", UINT64_MAX, &header->asked) &&
	       vmsc_field_u64(recorded, "lost", UINT64_MAX, &header->lost) &&
	       vmsc_field_u64(recorded, "unordered", UINT64_MAX, &header->unordered) &&
	       vmsc_field_u64(recorded, "unwound", UINT64_MAX, &header->unwound);
}

bool vmsc_line_header(struct vmsc_line_reader *reader, const json_t *line)
{
	struct vmsc_trace_header header = {.pid = 0};
	const char *version = json_string_value(json_object_get(line, "vmascope"));
	const json_t *process = json_object_get(line, "process");

	if (!json_is_string(json_object_get(line, "kernel")) || !json_object_get(line, "page_size"))
		return vmsc_line_refuse(reader,
					"is no header: the first line needs \"kernel\" and \"page_size\"");
	if (version && strcmp(version, "calls/1"))
		return vmsc_line_refuse(
			reader, "format \"%.40s\" is not \"calls/1\", the one this program reads", version);
	if (json_integer_value(json_object_get(line, "page_size")) != (json_int_t)VMSC_PAGE_SIZE)
		return vmsc_line_refuse(reader, "page_size must be 4096");
	if (!vmsc_line_keys(
		    reader, line,
		    "vmascope kernel page_size process capture recorded rules rules_source problems modules "
		    "limits "
		    "layout own names files sites model stacks vmas when start end flags_known listed "
		    "unfinished"))
		return false;
	if (!read_about(&header, line))
		return vmsc_line_refuse(reader, "process, capture or recorded can't be understood");
	vmsc_image_begin(reader->image, &header);
	return define_strings(reader, line, process) && define_all(reader, line);
}
