/* SPDX-License-Identifier: MIT */
#include "unmapform.h"

#include <inttypes.h>
#include <stdlib.h>

#include "names.h"
#include "say.h"
#include "value.h"

#define TABLE_BYTES UINT64_C(4096)

static json_t *levels_json(const uint64_t counts[VMSC_NR_TABLE_LEVELS])
{
	json_t *object = json_object();

	for (unsigned int level = 0; level < VMSC_NR_TABLE_LEVELS; level++)
		vmsc_json_put(object, vmsc_table_level_name(level), vmsc_json_number(counts[level]));
	return object;
}

static json_t *tables_json(const uint64_t possible[VMSC_NR_TABLE_LEVELS],
			   const uint64_t known[VMSC_NR_TABLE_LEVELS])
{
	json_t *object = json_object();

	vmsc_json_put(object, "possible", levels_json(possible));
	vmsc_json_put(object, "known", levels_json(known));
	return object;
}

/* The fields by the names of the first version; those of the one that was merged stand beside them. */
static void put_desc(json_t *object, const struct vmsc_unmap_desc *desc)
{
	const struct {
		const char *name, *merged;
		uint64_t value;
	} fields[] = {
		{"first", NULL, desc->first},
		{"first_pgaddr", "pg_start", desc->first_pgaddr},
		{"last_pgaddr", "pg_end", desc->last_pgaddr},
		{"vma_min", "vma_start", desc->vma_min},
		{"vma_max", "vma_end", desc->vma_max},
		{"tree_max", "tree_end", desc->tree_max},
		{"tree_reset", NULL, desc->tree_reset},
	};

	vmsc_json_put(object, "mas", vmsc_json_text(desc->side_tree ? "side-tree" : "mm"));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		vmsc_json_put(object, fields[i].name, vmsc_json_hex(fields[i].value));
		if (fields[i].merged)
			vmsc_json_put(object, fields[i].merged, vmsc_json_hex(fields[i].value));
	}
	vmsc_json_put(object, "mm_wr_locked", json_boolean(desc->mm_wr_locked));
}

static const char *asked_by(const struct vmsc_unmap_note *note)
{
	const struct vmsc_syscall *syscall = note->call ? vmsc_syscall_of_number(note->nr) : NULL;

	return syscall ? syscall->name : note->call ? "a call" : "exit";
}

json_t *vmsc_unmap_json(const struct vmsc_unmap_note *note)
{
	json_t *object = json_object();

	vmsc_json_put(object, "by", vmsc_json_text(vmsc_unmap_caller_name(note->caller)));
	vmsc_json_put(object, "call", note->call ? vmsc_json_number(note->call) : json_null());
	put_desc(object, &note->desc);
	vmsc_json_put(object, "vmas", vmsc_json_number(note->vmas));
	vmsc_json_put(object, "pages", vmsc_json_number(note->pages));
	vmsc_json_put(object, "accounted_pages", vmsc_json_number(note->accounted_pages));
	vmsc_json_put(object, "zapped_pages", vmsc_json_number(note->zapped_pages));
	vmsc_json_put(object, "splits", vmsc_json_number(note->splits));
	vmsc_json_put(object, "runs", vmsc_json_number(note->runs));
	vmsc_json_put(object, "page_tables", tables_json(note->tables, note->freed));
	return object;
}

/* What VmPTE showed of it. */
static json_t *observed_json(const struct vmsc_tables_tally *seen)
{
	json_t *object = json_object();

	vmsc_json_put(object, "unmaps", vmsc_json_number(seen->asked));
	vmsc_json_put(object, "exact", vmsc_json_number(seen->exact));
	vmsc_json_put(object, "undetermined", vmsc_json_number(seen->undetermined));
	vmsc_json_put(object, "disturbed", vmsc_json_number(seen->disturbed));
	vmsc_json_put(object, "wrong", vmsc_json_number(seen->wrong));
	vmsc_json_put(object, "first_wrong", seen->wrong ? vmsc_json_number(seen->first_wrong) : json_null());
	vmsc_json_put(object, "predicted_bytes", vmsc_json_number(seen->predicted * TABLE_BYTES));
	vmsc_json_put(object, "observed_bytes", vmsc_json_number(seen->observed * TABLE_BYTES));
	return object;
}

static json_t *freed_json(const struct vmsc_tally *tally)
{
	json_t *object = tables_json(tally->tables, tally->tables_freed);

	vmsc_json_put(object, "observed", observed_json(&tally->tables_seen));
	return object;
}

static json_t *exit_json(const struct vmsc_tally *tally)
{
	json_t *object = vmsc_unmap_json(&tally->exit_mmap);

	vmsc_json_put(object, "page_table_bytes",
		      tally->has_last_tables ? vmsc_json_number(tally->last_tables * 1024) : json_null());
	return object;
}

json_t *vmsc_unmaps_json(const struct vmsc_tally *tally)
{
	json_t *object = json_object();

	vmsc_json_put(object, "regions", vmsc_json_number(tally->unmaps));
	vmsc_json_put(object, "vmas", vmsc_json_number(tally->unmapped_vmas));
	vmsc_json_put(object, "pages", vmsc_json_number(tally->unmapped_pages));
	vmsc_json_put(object, "page_tables_freed", freed_json(tally));
	vmsc_json_put(object, "exit_mmap", tally->has_exit ? exit_json(tally) : json_null());
	return object;
}

/* VmPTE does not count P4D tables. */
static uint64_t in_vmpte(const uint64_t counts[VMSC_NR_TABLE_LEVELS])
{
	return counts[VMSC_TABLE_PTE] + counts[VMSC_TABLE_PMD] + counts[VMSC_TABLE_PUD];
}

static const char *plural(uint64_t number)
{
	return number == 1 ? "" : "s";
}

static char *tables_text(const struct vmsc_unmap_note *note)
{
	uint64_t most = in_vmpte(note->tables), least = in_vmpte(note->freed);

	if (most == least)
		return vmsc_format("%" PRIu64 " page table%s", most, plural(most));
	return vmsc_format("%" PRIu64 " to %" PRIu64 " page tables", least, most);
}

static char *exit_head(const struct vmsc_unmap_note *note)
{
	char *tables = tables_text(note);
	char *text =
		vmsc_format("exit_mmap: %" PRIu64 " VMA%s, %" PRIu64 " pages (%" PRIu64 " accounted), %s",
			    note->vmas, plural(note->vmas), note->pages, note->accounted_pages, tables);

	free(tables);
	return text;
}

char *vmsc_exit_to_text(const struct vmsc_tally *tally)
{
	char *head, *text;

	if (!tally->has_exit)
		return NULL;
	head = exit_head(&tally->exit_mmap);
	if (!tally->has_last_tables)
		return head;
	text = vmsc_format("%s; VmPTE showed %" PRIu64, head, tally->last_tables * 1024 / TABLE_BYTES);
	free(head);
	return text;
}

static char *head_text(const struct vmsc_unmap_note *note)
{
	char *tables, *text;

	if (note->caller == VMSC_UNMAP_BY_EXIT_MMAP)
		return exit_head(note);
	tables = tables_text(note);
	text = vmsc_format("%s (call %" PRIu64 ") by %s: %" PRIu64 " VMA%s, %" PRIu64 " page%s, %s, %" PRIu64
			   " split%s",
			   asked_by(note), note->call, vmsc_unmap_caller_name(note->caller), note->vmas,
			   plural(note->vmas), note->pages, plural(note->pages), tables, note->splits,
			   plural(note->splits));
	free(tables);
	return text;
}

char *vmsc_unmap_to_text(const struct vmsc_unmap_note *note, const char *indent)
{
	const struct vmsc_unmap_desc *desc = &note->desc;
	char *head = head_text(note);
	char *text = vmsc_format(
		"%s\n"
		"%szaps    vma_min %" PRIx64 " to vma_max %" PRIx64 ": %" PRIu64 " page%s\n"
		"%stables  first_pgaddr %" PRIx64 " to last_pgaddr %" PRIx64 "%s, in %" PRIu64 " run%s\n"
		"%swalks   the %s from %" PRIx64 " to tree_max %" PRIx64 "%s, again from tree_reset %" PRIx64
		"%s\n",
		head, indent, desc->vma_min, desc->vma_max, note->zapped_pages, plural(note->zapped_pages),
		indent, desc->first_pgaddr, desc->last_pgaddr, desc->last_pgaddr ? "" : " (the top)",
		note->runs, plural(note->runs), indent, desc->side_tree ? "side tree" : "mm's tree",
		desc->first, desc->tree_max, desc->tree_max ? "" : " (the top)", desc->tree_reset,
		desc->mm_wr_locked ? ", locked for writing" : "");

	free(head);
	return text;
}
