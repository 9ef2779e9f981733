/* SPDX-License-Identifier: MIT */
#include "origins.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "say.h"
#include "store.h"
#include "value.h"
#include <uthash.h>

struct place {
	uint64_t dev_inode[2];
	struct vmsc_bytes path;
	UT_hash_handle hh;
};

struct numbered {
	uint32_t id;
	struct vmsc_bytes text;
	struct vmsc_call_stack stack;
	UT_hash_handle hh;
};

/* A module's build-id. */
struct identity {
	struct vmsc_bytes path, id;
	UT_hash_handle hh;
};

struct vmsc_origins {
	struct place *places;
	struct identity *identities;
	struct numbered *files, *names, *stacks;
	struct vmsc_store texts;
};

struct vmsc_origins *vmsc_origins_new(void)
{
	return vmsc_alloc(sizeof(struct vmsc_origins));
}

static void free_numbered(struct numbered *all)
{
	struct numbered *one, *next;

	HASH_ITER(hh, all, one, next)
	{
		HASH_DEL(all, one);
		free(one->stack.frames);
		free(one);
	}
}

void vmsc_origins_free(struct vmsc_origins *origins)
{
	struct identity *identity, *following;
	struct place *place, *next;

	HASH_ITER(hh, origins->places, place, next)
	{
		HASH_DEL(origins->places, place);
		free(place);
	}
	HASH_ITER(hh, origins->identities, identity, following)
	{
		HASH_DEL(origins->identities, identity);
		free(identity);
	}
	free_numbered(origins->files);
	free_numbered(origins->names);
	free_numbered(origins->stacks);
	vmsc_store_free(&origins->texts);
	free(origins);
}

static struct numbered *numbered_get(struct numbered **all, uint32_t id)
{
	struct numbered *one;

	HASH_FIND(hh, *all, &id, sizeof(id), one);
	if (one)
		return one;
	one = vmsc_alloc(sizeof(*one));
	one->id = id;
	HASH_ADD(hh, *all, id, sizeof(one->id), one);
	return one;
}

static const struct numbered *numbered_find(const struct numbered *all, uint32_t id)
{
	struct numbered *head = (struct numbered *)all, *one;

	HASH_FIND(hh, head, &id, sizeof(id), one);
	return one;
}

/* What is told again mostly is what was told before. */
static struct vmsc_bytes keep_text(struct vmsc_origins *origins, struct vmsc_bytes before,
				   struct vmsc_bytes text)
{
	if (!text.length || (before.length == text.length && !memcmp(before.text, text.text, text.length)))
		return before.length == text.length ? before : text;
	return (struct vmsc_bytes){vmsc_store_copy(&origins->texts, text.text, text.length), text.length};
}

static void note_place(struct vmsc_origins *origins, uint32_t dev_major, uint32_t dev_minor, uint64_t inode,
		       struct vmsc_bytes path)
{
	uint64_t key[2] = {(uint64_t)dev_major << 32 | dev_minor, inode};
	struct place *place;

	if (!inode || !path.length)
		return;
	HASH_FIND(hh, origins->places, key, sizeof(key), place);
	if (!place) {
		place = vmsc_alloc(sizeof(*place));
		memcpy(place->dev_inode, key, sizeof(key));
		HASH_ADD(hh, origins->places, dev_inode, sizeof(key), place);
	}
	place->path = keep_text(origins, place->path, path);
}

static struct vmsc_bytes find_place(const struct vmsc_origins *origins, const struct vmsc_file *file)
{
	uint64_t key[2] = {(uint64_t)file->dev_major << 32 | file->dev_minor, file->inode};
	struct place *place;

	HASH_FIND(hh, origins->places, key, sizeof(key), place);
	return place ? place->path : (struct vmsc_bytes){NULL, 0};
}

/* "id path" */
static void note_module(struct vmsc_origins *origins, const struct vmsc_string_record *record)
{
	const char *text = vmsc_record_tail(&record->head, sizeof(*record));
	const char *blank = record->length ? memchr(text, ' ', record->length) : NULL;
	struct vmsc_bytes id, path;
	struct identity *identity;

	if (record->what != VMSC_STRING_MODULE || !blank)
		return;
	id = (struct vmsc_bytes){text, (size_t)(blank - text)};
	path = (struct vmsc_bytes){blank + 1, record->length - id.length - 1};
	if (!path.length || strspn(text, "0123456789abcdef") != id.length)
		return;
	HASH_FIND(hh, origins->identities, path.text, path.length, identity);
	if (!identity) {
		identity = vmsc_alloc(sizeof(*identity));
		identity->path = path = keep_text(origins, identity->path, path);
		HASH_ADD_KEYPTR(hh, origins->identities, path.text, path.length, identity);
	}
	identity->id = keep_text(origins, identity->id, id);
}

struct vmsc_bytes vmsc_origins_build_id(const struct vmsc_origins *origins, struct vmsc_bytes path)
{
	struct identity *identity = NULL;

	if (origins && path.length)
		HASH_FIND(hh, origins->identities, path.text, path.length, identity);
	return identity ? identity->id : (struct vmsc_bytes){NULL, 0};
}

struct vmsc_bytes vmsc_origins_path(const struct vmsc_origins *origins, const struct vmsc_file *file)
{
	const struct numbered *known = file ? numbered_find(origins->files, file->id) : NULL;

	if (known && known->text.length)
		return known->text;
	return file ? find_place(origins, file) : (struct vmsc_bytes){NULL, 0};
}

struct vmsc_bytes vmsc_origins_name(const struct vmsc_origins *origins, uint32_t id)
{
	const struct numbered *known = numbered_find(origins->names, id);

	return known ? known->text : (struct vmsc_bytes){NULL, 0};
}

const struct vmsc_call_stack *vmsc_origins_stack(const struct vmsc_origins *origins, uint32_t id)
{
	const struct numbered *known = id ? numbered_find(origins->stacks, id) : NULL;

	return known ? &known->stack : NULL;
}

/* The lowest of the neighbouring VMAs that hold the same file: where the module was loaded. */
static uint64_t module_base(const struct vmsc_mm *mm, const struct vmsc_vma *vma,
			    const struct vmsc_file *file)
{
	struct vmsc_vma prev = *vma, lowest = *vma;
	const struct vmsc_file *other;

	while (vmsc_mm_prev(mm, lowest.start, &prev) && lowest.pgoff) {
		other = prev.file ? vmsc_mm_file(mm, prev.file) : NULL;
		if (!other || other->inode != file->inode || other->dev_minor != file->dev_minor ||
		    other->dev_major != file->dev_major || prev.pgoff > lowest.pgoff)
			break;
		lowest = prev;
	}
	return lowest.start;
}

static struct vmsc_frame resolve(const struct vmsc_origins *origins, const struct vmsc_mm *mm,
				 uint64_t address)
{
	struct vmsc_frame frame = {.offset = address};
	const struct vmsc_file *file;
	struct vmsc_vma vma;

	if (!vmsc_mm_find(mm, address, &vma) || vma.start > address || !vma.file)
		return frame;
	file = vmsc_mm_file(mm, vma.file);
	frame.module = vmsc_origins_path(origins, file);
	if (frame.module.length)
		frame.offset = address - module_base(mm, &vma, file);
	return frame;
}

static void note_stack(struct vmsc_origins *origins, const struct vmsc_stack_record *record,
		       const struct vmsc_mm *mm)
{
	const uint64_t *addresses = vmsc_record_tail(&record->head, sizeof(*record));
	struct numbered *one = numbered_get(&origins->stacks, record->id);
	uint32_t i;

	if (one->stack.frames) /* each is told once; there may be pointers into it */
		return;
	one->stack.nr = record->nr;
	one->stack.frames = vmsc_alloc(record->nr * sizeof(*one->stack.frames));
	for (i = 0; i < record->nr; i++)
		one->stack.frames[i] = resolve(origins, mm, addresses[i]);
}

static void note_text(struct vmsc_origins *origins, struct numbered *one, struct vmsc_bytes text)
{
	one->text = keep_text(origins, one->text, text);
}

void vmsc_origins_record(struct vmsc_origins *origins, const struct vmsc_record *record,
			 const struct vmsc_mm *mm)
{
	const struct vmsc_file_record *file = (const void *)record;
	const struct vmsc_name_record *name = (const void *)record;
	const struct vmsc_seen_record *seen = (const void *)record;
	struct vmsc_bytes text;

	switch (record->type) {
	case VMSC_RECORD_FILE:
		text = (struct vmsc_bytes){vmsc_record_tail(record, sizeof(*file)), file->length};
		note_text(origins, numbered_get(&origins->files, file->id), text);
		note_place(origins, file->dev_major, file->dev_minor, file->inode, text);
		break;
	case VMSC_RECORD_STRING:
		note_module(origins, (const void *)record);
		break;
	case VMSC_RECORD_NAME:
		text = (struct vmsc_bytes){vmsc_record_tail(record, sizeof(*name)), name->length};
		note_text(origins, numbered_get(&origins->names, name->id), text);
		break;
	case VMSC_RECORD_SEEN:
		text = (struct vmsc_bytes){vmsc_record_tail(record, sizeof(*seen)), seen->length};
		note_place(origins, seen->dev_major, seen->dev_minor, seen->inode, text);
		break;
	case VMSC_RECORD_STACK:
		if (mm)
			note_stack(origins, (const void *)record, mm);
		break;
	default:
		break;
	}
}

static struct vmsc_bytes base_name(struct vmsc_bytes path)
{
	const char *slash = path.length ? memrchr(path.text, '/', path.length) : NULL;

	if (!slash)
		return path;
	return (struct vmsc_bytes){slash + 1, path.length - (size_t)(slash + 1 - path.text)};
}

static bool is_system_module(struct vmsc_bytes path)
{
	static const char *const starts[] = {"libc.so.",   "libc-2.", "ld-linux",      "ld-2.",
					     "libpthread", "ld.so",   "libvmascope.so"};
	struct vmsc_bytes name = base_name(path);
	size_t i;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (name.length >= strlen(starts[i]) && !memcmp(name.text, starts[i], strlen(starts[i])))
			return true;
	return false;
}

size_t vmsc_stack_callers(const struct vmsc_call_stack *stack, const struct vmsc_frame **frames, size_t max)
{
	size_t nr = 0;
	uint32_t i;

	for (i = 0; stack && i < stack->nr && nr < max; i++)
		if (!is_system_module(stack->frames[i].module))
			frames[nr++] = &stack->frames[i];
	if (!nr && stack && stack->nr && max)
		frames[nr++] = &stack->frames[stack->nr - 1];
	return nr;
}

const struct vmsc_frame *vmsc_stack_caller(const struct vmsc_call_stack *stack)
{
	const struct vmsc_frame *frame = NULL;

	(void)vmsc_stack_callers(stack, &frame, 1);
	return frame;
}

static char *frame_text(struct vmsc_bytes module, uint64_t offset)
{
	char *name, *text;

	if (!module.length)
		return vmsc_format("0x%" PRIx64, offset);
	name = vmsc_printable(module.text, module.length);
	text = vmsc_format("%s+0x%" PRIx64, name, offset);
	free(name);
	return text;
}

char *vmsc_frame_text(const struct vmsc_frame *frame)
{
	return frame_text(frame->module, frame->offset);
}

char *vmsc_frame_short(const struct vmsc_frame *frame)
{
	return frame_text(base_name(frame->module), frame->offset);
}
