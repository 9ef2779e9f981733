/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "callform.h"
#include "lines.h"
#include "rules.h"
#include "say.h"
#include "script.h"
#include "value.h"
#include "vmaform.h"

static struct vmsc_written_call written_of(const struct vmsc_step *step)
{
	const struct vmsc_call *call = &step->call;
	struct vmsc_written_call written = {
		.record = {.nr = call->nr, .nr_args = 6, .result = step->result, .tid = step->thread},
		.extra = {.file = call->file,
			  .name = call->name,
			  .policy = call->policy,
			  .uffd = call->uffd,
			  .size = call->size,
			  .range_start = call->range_start,
			  .range_end = call->range_end,
			  .mode = call->mode}};

	memcpy(written.args, call->args, sizeof(written.args));
	return written;
}

static json_t *limits_to_json(const struct vmsc_limits *limits)
{
	json_t *object = json_object();

	vmsc_json_put(object, "max_map_count", vmsc_json_number(limits->max_map_count));
	vmsc_json_put(object, "as", vmsc_json_limit(limits->as));
	vmsc_json_put(object, "data", vmsc_json_limit(limits->data));
	vmsc_json_put(object, "stack", vmsc_json_limit(limits->stack));
	vmsc_json_put(object, "memlock", vmsc_json_limit(limits->memlock));
	vmsc_json_put(object, "ipc_lock", json_boolean(limits->ipc_lock));
	return object;
}

static json_t *call_to_json(const struct vmsc_step *step)
{
	struct vmsc_written_call written = written_of(step);
	json_t *object = vmsc_call_to_json(&written);

	json_object_del(object, "time");
	json_object_del(object, "stack");
	if (!step->thread)
		json_object_del(object, "thread");
	return object;
}

json_t *vmsc_step_to_json(const struct vmsc_step *step)
{
	json_t *object = NULL;

	switch (step->kind) {
	case VMSC_STEP_CALL:
		object = call_to_json(step);
		break;
	case VMSC_STEP_TOUCH:
	case VMSC_STEP_POKE:
		object = json_object();
		vmsc_json_put(object, "touch", vmsc_json_hex(step->addr));
		vmsc_json_put(object, "len", json_integer(1));
		vmsc_json_put(object, "write", json_boolean(step->write));
		vmsc_json_put(object, "force", json_boolean(step->kind == VMSC_STEP_POKE));
		vmsc_json_put(object, "result", vmsc_result_to_json(0, step->result));
		break;
	case VMSC_STEP_FOUND: /* in no script */
	case VMSC_STEP_FORK:
		object = json_object();
		vmsc_json_put(object, "fork", json_integer((json_int_t)step->value));
		break;
	case VMSC_STEP_LIMITS:
		object = limits_to_json(&step->limits);
		vmsc_json_put(object, "define", json_string("limits"));
		break;
	}
	if (step->process)
		vmsc_json_put(object, "process", json_integer(step->process));
	return object;
}

/* Inodes and devices only tell which files are one: the number of the first that is. */
static uint32_t number_of_inode(const struct vmsc_script *script, const struct vmsc_file *file)
{
	const struct vmsc_file *other = script->files.file;

	while (other->inode != file->inode || other->dev_major != file->dev_major ||
	       other->dev_minor != file->dev_minor)
		other++;
	return other->id;
}

static json_t *file_to_json(const struct vmsc_script *script, const struct vmsc_file *file)
{
	json_t *object = json_object();

	vmsc_json_put(object, "id", json_integer(file->id));
	vmsc_json_put(object, "kind", json_string(vmsc_file_kind_names[file->kind]));
	vmsc_json_put(object, "mode", json_integer(file->mode));
	vmsc_json_put(object, "inode", json_integer(number_of_inode(script, file)));
	return object;
}

/* Only the files that a step names. */
static json_t *files_to_json(const struct vmsc_script *script)
{
	json_t *array = json_array();

	for (size_t i = 0; i < script->files.nr; i++) {
		for (size_t j = 0; j < script->nr; j++) {
			if (script->steps[j].call.file != script->files.file[i].id)
				continue;
			vmsc_json_append(array, file_to_json(script, &script->files.file[i]));
			break;
		}
	}
	return array;
}

json_t *vmsc_script_header(const struct vmsc_script *script)
{
	json_t *header = json_object(), *layout = json_object();
	struct utsname name;

	vmsc_json_put(layout, "mmap_base", vmsc_json_hex(script->mmap_base));
	vmsc_json_put(layout, "start_brk", vmsc_json_hex(script->start_brk));
	vmsc_json_put(layout, "brk", vmsc_json_hex(script->brk));
	vmsc_json_put(header, "vmascope", json_string("calls/1"));
	vmsc_json_put(header, "kernel", json_string(uname(&name) ? "?" : name.release));
	vmsc_json_put(header, "page_size", json_integer((json_int_t)VMSC_PAGE_SIZE));
	vmsc_json_put(header, "limits", limits_to_json(&script->limits));
	vmsc_json_put(header, "layout", layout);
	vmsc_json_put(header, "files", files_to_json(script));
	vmsc_json_put(header, "vmas", json_array());
	return header;
}

static void write_line(json_t *line, FILE *out)
{
	json_dumpf(line, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(line);
}

void vmsc_script_write(const struct vmsc_script *script, FILE *out)
{
	write_line(vmsc_script_header(script), out);
	for (size_t i = 0; i < script->nr; i++)
		write_line(vmsc_step_to_json(&script->steps[i]), out);
}

char *vmsc_step_to_text(const struct vmsc_step *step)
{
	struct vmsc_written_call written;

	switch (step->kind) {
	case VMSC_STEP_CALL:
		written = written_of(step);
		return vmsc_call_to_text(&written);
	case VMSC_STEP_FORK:
		return vmsc_format("fork");
	case VMSC_STEP_FOUND:
	case VMSC_STEP_LIMITS:
		return vmsc_format("other limits");
	default:
		return vmsc_format("a %s at 0x%" PRIx64, step->write ? "write" : "read", step->addr);
	}
}
