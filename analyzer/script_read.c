/* SPDX-License-Identifier: MIT */
/*
 * Files are like those that the lines tell of, not the same ones; mappings that exist at the beginning are
 * mapped first.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "callform.h"
#include "lines.h"
#include "say.h"
#include "script.h"
#include "value.h"
#include "vmaform.h"

#define MAX_STEPS   4000000
#define MAX_TOUCHED 65536 /* pages, a step each; a line's first is paid for by the line */

void vmsc_script_init(struct vmsc_script *script)
{
	memset(script, 0, sizeof(*script));
	vmsc_trial_limits(&script->limits);
}

void vmsc_script_free(struct vmsc_script *script)
{
	free(script->steps);
	free(script->lines);
	script->steps = NULL;
	script->lines = NULL;
	script->nr = script->room = 0;
}

void vmsc_script_add(struct vmsc_script *script, const struct vmsc_step *step)
{
	if (script->nr == script->room) {
		script->room = script->room ? 2 * script->room : 64;
		script->steps = vmsc_grow(script->steps, script->room, sizeof(*script->steps));
		script->lines = vmsc_grow(script->lines, script->room, sizeof(*script->lines));
	}
	script->lines[script->nr] = script->line;
	script->steps[script->nr++] = *step;
}

static bool refuse(char **why, const char *what)
{
	*why = vmsc_format("%s", what);
	return false;
}

/* --- the first line --- */

static bool read_limits(struct vmsc_limits *limits, const json_t *from, char **why)
{
	const json_t *ipc_lock = json_object_get(from, "ipc_lock");

	if (ipc_lock)
		limits->ipc_lock = json_is_true(ipc_lock);
	if (!vmsc_field_u64(from, "max_map_count", UINT64_MAX, &limits->max_map_count) ||
	    !vmsc_field_u64(from, "as", UINT64_MAX, &limits->as) ||
	    !vmsc_field_u64(from, "data", UINT64_MAX, &limits->data) ||
	    !vmsc_field_u64(from, "stack", UINT64_MAX, &limits->stack) ||
	    !vmsc_field_u64(from, "memlock", UINT64_MAX, &limits->memlock))
		return refuse(why, "a limit is no number");
	return true;
}

static bool read_layout(struct vmsc_script *script, const json_t *from, char **why)
{
	if (!vmsc_field_u64(from, "mmap_base", UINT64_MAX, &script->mmap_base) ||
	    !vmsc_field_u64(from, "start_brk", UINT64_MAX, &script->start_brk) ||
	    !vmsc_field_u64(from, "brk", UINT64_MAX, &script->brk))
		return refuse(why, "an address of the layout is no number");
	return true;
}

static struct vmsc_file *find_file(struct vmsc_script *script, uint32_t id)
{
	for (size_t i = 0; i < script->files.nr; i++)
		if (script->files.file[i].id == id)
			return &script->files.file[i];
	return NULL;
}

static struct vmsc_file *add_file(struct vmsc_script *script, uint32_t id)
{
	struct vmsc_file *file = find_file(script, id);

	if (!file && script->files.nr < VMSC_FILES_MAX)
		file = &script->files.file[script->files.nr++];
	if (file)
		*file = (struct vmsc_file){.id = id, .mode = VMSC_FILE_READ};
	return file;
}

static bool read_file(struct vmsc_script *script, const json_t *from, char **why)
{
	const char *kind = json_string_value(json_object_get(from, "kind"));
	const json_t *dev = json_object_get(from, "dev");
	struct vmsc_file *file;
	uint32_t id = 0;

	if (!vmsc_field_u32(from, "id", &id) || !id)
		return refuse(why, "a file has no id");
	if (id >= VMSC_FILES_MAX && script->files.nr == VMSC_FILES_MAX - 1)
		return refuse(why, "there are more than 255 files");
	file = add_file(script, id);
	if (!file)
		return refuse(why, "there are more than 255 files");
	if (kind)
		file->kind = (uint32_t)vmsc_name_index(kind, vmsc_file_kind_names, 6);
	if (file->kind > VMSC_FILE_OTHER || !vmsc_field_u32(from, "mode", &file->mode) ||
	    (dev && !vmsc_dev_of_text(json_string_value(dev), &file->dev_major, &file->dev_minor)) ||
	    !vmsc_field_u64(from, "inode", UINT64_MAX, &file->inode))
		return refuse(why, "a file can't be understood");
	return true;
}

/* --- VMAs that exist at the beginning, as calls --- */

/* The file of an observed VMA: the first told of that has its inode, or one more. */
static uint32_t file_of(struct vmsc_script *script, const struct vmsc_seen_record *seen)
{
	uint32_t greatest = 0;
	struct vmsc_file *file;

	for (size_t i = 0; i < script->files.nr; i++) {
		file = &script->files.file[i];
		if (file->inode == seen->inode && (file->mode & VMSC_FILE_READ))
			return file->id;
		greatest = file->id > greatest ? file->id : greatest;
	}
	file = add_file(script, greatest + 1);
	if (!file)
		return 0;
	file->kind = VMSC_FILE_OTHER;
	file->mode = VMSC_FILE_READ | VMSC_FILE_WRITE;
	file->inode = seen->inode;
	file->dev_major = seen->dev_major;
	file->dev_minor = seen->dev_minor;
	return file->id;
}

static void map_seen(struct vmsc_script *script, const struct vmsc_seen_record *seen)
{
	struct vmsc_step step = {.kind = VMSC_STEP_CALL, .call = {.nr = SYS_mmap}};
	uint64_t *args = step.call.args;

	args[0] = seen->start;
	args[1] = seen->end - seen->start;
	args[2] = seen->vm_flags & VMSC_VM_ACCESS;
	args[3] = MAP_FIXED | (seen->vm_flags & VMSC_VM(MAYSHARE) ? MAP_SHARED : MAP_PRIVATE) |
		  (seen->vm_flags & VMSC_VM(GROWSDOWN) ? MAP_GROWSDOWN : 0) |
		  (seen->vm_flags & VMSC_VM(NORESERVE) ? MAP_NORESERVE : 0);
	args[4] = (uint64_t)-1;
	if (seen->inode) {
		step.call.file = file_of(script, seen);
		args[4] = VMSC_FILES_FD + step.call.file;
		args[5] = seen->offset;
	} else {
		args[3] |= MAP_ANONYMOUS;
	}
	if (vmsc_trial_can(&step))
		vmsc_script_add(script, &step);
	else
		script->left_out++;
}

static bool is_special(const char *name, const struct vmsc_seen_record *seen)
{
	return (seen->traits & VMSC_VMA_OWN) || (seen->vm_flags & VMSC_VM_SPECIAL) ||
	       (name && (!strncmp(name, "[v", 2) || !strncmp(name, "[uprobes", 8)));
}

static bool read_vma(struct vmsc_script *script, const json_t *from, char **why)
{
	struct vmsc_seen_record seen;
	const char *what;
	size_t length;
	char *path;
	bool known;

	if (!vmsc_seen_of_json(from, &seen, &path, &length, &known, &what))
		return refuse(why, what);
	if (is_special(path, &seen))
		script->left_out++;
	else
		map_seen(script, &seen);
	free(path);
	return true;
}

bool vmsc_script_read_header(struct vmsc_script *script, const json_t *line, char **why)
{
	const json_t *files = json_object_get(line, "files"), *vmas = json_object_get(line, "vmas");
	size_t i;

	if (!read_limits(&script->limits, json_object_get(line, "limits"), why) ||
	    !read_layout(script, json_object_get(line, "layout"), why))
		return false;
	for (i = 0; i < json_array_size(files); i++)
		if (!read_file(script, json_array_get(files, i), why))
			return false;
	for (i = 0; i < json_array_size(vmas); i++)
		if (!read_vma(script, json_array_get(vmas, i), why))
			return false;
	script->nr_begin = script->nr;
	return true;
}

/* --- steps --- */

static bool read_process(const json_t *line, struct vmsc_step *step, char **why)
{
	uint64_t process = 0;

	if (!vmsc_field_u64(line, "process", VMSC_TRIAL_PROCESSES - 1, &process))
		return refuse(why, "\"process\" is no number of a process");
	step->process = (uint8_t)process;
	return true;
}

static struct vmsc_call call_of(const struct vmsc_written_call *written)
{
	const struct vmsc_extra_record *extra = &written->extra;
	struct vmsc_call call = {.nr = written->record.nr,
				 .file = extra->file,
				 .name = extra->name,
				 .policy = extra->policy,
				 .uffd = extra->uffd,
				 .size = extra->size,
				 .range_start = extra->range_start,
				 .range_end = extra->range_end,
				 .mode = extra->mode};

	memcpy(call.args, written->args, sizeof(call.args));
	return call;
}

/* Calls that a puppet can make: those that the model knows, as far as their arguments are told. */
static bool is_possible(const struct vmsc_call *call)
{
	static const uint16_t possible[] = {
		SYS_mmap,
		SYS_mprotect,
		SYS_munmap,
		SYS_brk,
		SYS_mremap,
		SYS_madvise,
		SYS_shmat,
		SYS_shmdt,
		SYS_mlock,
		SYS_munlock,
		SYS_mlockall,
		SYS_munlockall,
		SYS_prctl,
		SYS_io_setup,
		SYS_io_destroy,
		SYS_mbind,
		SYS_mlock2,
		SYS_pkey_mprotect,
		SYS_ioctl,
		SYS_close,
		SYS_remap_file_pages,
		SYS_personality,
		SYS_process_madvise,
		450 /* set_mempolicy_home_node */,
		453 /* map_shadow_stack */,
		462 /* mseal */,
	};

	if (call->nr == SYS_close || call->nr == SYS_ioctl)
		return call->uffd;
	if (call->nr == SYS_prctl)
		return call->args[0] == 0x53564d41 || (uint32_t)call->args[0] - 65 < 4;
	for (size_t i = 0; i < sizeof(possible) / sizeof(possible[0]); i++)
		if (possible[i] == call->nr)
			return true;
	return false;
}

static bool read_call(struct vmsc_script *script, const json_t *line, struct vmsc_step *step, char **why)
{
	json_t *copy = json_copy((json_t *)line);
	struct vmsc_written_call call;
	bool good;

	json_object_del(copy, "process");
	if (!json_object_get(copy, "result"))
		vmsc_json_put(copy, "result", json_integer(0));
	good = vmsc_call_of_json(&call, copy, why);
	json_decref(copy);
	if (!good)
		return false;
	step->call = call_of(&call);
	step->result = call.record.result;
	step->thread = call.record.tid == 1;
	if (is_possible(&step->call) && vmsc_trial_can(step))
		vmsc_script_add(script, step);
	else
		script->left_out++;
	return true;
}

static bool read_touch(struct vmsc_script *script, const json_t *line, struct vmsc_step *step, char **why)
{
	const json_t *write = json_object_get(line, "write");
	uint64_t len = VMSC_PAGE_SIZE;

	if (!vmsc_json_get_u64(json_object_get(line, "touch"), &step->addr) ||
	    !vmsc_field_u64(line, "len", VMSC_PAGE_SIZE * MAX_TOUCHED, &len))
		return refuse(why, "a touch needs an address and a len of at most 65536 pages");
	script->touched += len ? (len - 1) / VMSC_PAGE_SIZE : 0;
	if (script->touched > MAX_TOUCHED)
		return refuse(why, "touches of more than one page are 65536 pages in all at most");
	/* What a recorder found need not be writable any more. */
	step->kind = json_is_boolean(json_object_get(line, "force")) || !json_object_get(line, "result")
			     ? VMSC_STEP_POKE
			     : VMSC_STEP_TOUCH;
	if (json_is_false(json_object_get(line, "force")) || json_is_false(write))
		step->kind = VMSC_STEP_TOUCH;
	step->write = !json_is_false(write);
	for (; len; len -= len < VMSC_PAGE_SIZE ? len : VMSC_PAGE_SIZE, step->addr += VMSC_PAGE_SIZE)
		if (vmsc_trial_can(step))
			vmsc_script_add(script, step);
	return true;
}

bool vmsc_script_read_step(struct vmsc_script *script, const json_t *line, char **why)
{
	const json_t *define = json_object_get(line, "define");
	struct vmsc_step step = {.kind = VMSC_STEP_CALL};

	if (!read_process(line, &step, why))
		return false;
	if (script->nr > MAX_STEPS)
		return refuse(why, "is one too many");
	if (json_object_get(line, "vmas")) /* what was seen, which is no step */
		return true;
	if (json_object_get(line, "call"))
		return read_call(script, line, &step, why);
	if (json_object_get(line, "touch"))
		return read_touch(script, line, &step, why);
	if (json_object_get(line, "fork")) {
		step.kind = VMSC_STEP_FORK;
		if (!vmsc_json_get_u64(json_object_get(line, "fork"), &step.value) ||
		    step.value >= VMSC_TRIAL_PROCESSES)
			return refuse(why, "\"fork\" is no number of a process");
		vmsc_script_add(script, &step);
	} else if (define && !strcmp(json_string_value(define) ? json_string_value(define) : "", "limits")) {
		step.kind = VMSC_STEP_LIMITS;
		step.limits = script->limits;
		if (!read_limits(&step.limits, line, why))
			return false;
		vmsc_script_add(script, &step);
	} else if (define && !strcmp(json_string_value(define) ? json_string_value(define) : "", "file")) {
		return read_file(script, line, why);
	}
	return true;
}

static bool read_line(struct vmsc_script *script, const char *text, size_t length, bool first, char **why)
{
	json_error_t error;
	json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	bool good;

	if (!json_is_object(line)) {
		*why = vmsc_format("no JSON object: %s", line ? "something else" : error.text);
		json_decref(line);
		return false;
	}
	if (!first)
		good = vmsc_script_read_step(script, line, why);
	else if (json_object_get(line, "kernel") && json_object_get(line, "page_size"))
		good = vmsc_script_read_header(script, line, why);
	else
		good = refuse(why, "is no first line: it has no \"kernel\" and \"page_size\"");
	json_decref(line);
	return good;
}

static bool is_blank(const char *text, const char *end)
{
	while (text < end && (*text == ' ' || *text == '\t' || *text == '\r'))
		text++;
	return text == end;
}

bool vmsc_script_read(struct vmsc_script *script, const char *text, size_t size, char **why)
{
	const char *end = text + size, *next;
	bool first = true;
	char *what;

	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		script->line++;
		if (is_blank(text, next))
			continue;
		if (!read_line(script, text, (size_t)(next - text), first, &what)) {
			*why = vmsc_format("line %zu: %s", script->line, what);
			free(what);
			return false;
		}
		first = false;
	}
	if (first)
		*why = vmsc_format("line 1: there is none");
	return !first;
}
