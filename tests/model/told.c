/* SPDX-License-Identifier: MIT */
#include "told.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../trace/check.h"
#include "heap.h"

static char told[4096];

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	size_t length = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + length, sizeof(told) - length, format, args);
	va_end(args);
}

static void say_side(enum vmsc_refusal refused, uint64_t bits)
{
	say(" %s", refused ? vmsc_refusal_name(refused) : "joins");
	if (bits)
		say("/%" PRIx64, bits);
}

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	(void)ctx;
	say("%s%s %" PRIu64 "-%" PRIu64, *told ? "; " : "", vmsc_merge_caller_name(note->caller),
	    NUMBER(note->start), NUMBER(note->end));
	say_side(note->refused[0], note->flag_bits[0]);
	say_side(note->refused[1], note->flag_bits[1]);
	if (note->merged)
		say(" merged");
}

static void on_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	const struct vmsc_unmap_desc *desc = &note->desc;

	(void)ctx;
	say("%s%s call %" PRIu64 "/%u: vmas %" PRIu64 " pages %" PRIu64 " accounted %" PRIu64
	    " splits %" PRIu64 " runs %" PRIu64,
	    *told ? "; " : "", vmsc_unmap_caller_name(note->caller), note->call, note->nr, note->vmas,
	    note->pages, note->accounted_pages, note->splits, note->runs);
	say(" | %s first %" PRIu64 " pg %" PRIu64 "-%" PRIu64 " vma %" PRIu64 "-%" PRIu64 " tree %" PRIu64
	    "/%" PRIu64 " %s",
	    desc->side_tree ? "side" : "mm", NUMBER(desc->first), NUMBER(desc->first_pgaddr),
	    NUMBER(desc->last_pgaddr), NUMBER(desc->vma_min),
	    desc->vma_max == UINT64_MAX ? 0 : NUMBER(desc->vma_max),
	    desc->tree_max == UINT64_MAX ? 0 : NUMBER(desc->tree_max), NUMBER(desc->tree_reset),
	    desc->mm_wr_locked ? "write" : "read");
	say(" left %" PRIu64 " %" PRIu64, NUMBER(note->left[0]), NUMBER(note->left[1]));
}

static struct vmsc_mm *new_mm(const struct told_row *row)
{
	struct vmsc_mm_config config = {.rules = vmsc_rules_of_release(row->major, row->minor)};

	config.limits = (struct vmsc_limits){
		.max_map_count = 65530,
		.as = UINT64_MAX,
		.data = UINT64_MAX,
		.stack = 8 << 20,
		.memlock = UINT64_MAX,
		.ipc_lock = true,
	};
	config.layout = (struct vmsc_layout){.task_size = 0x7ffffffff000, .mmap_base = 0x7ffff7fff000};
	config.listener = (struct vmsc_listener){.merge = on_merge, .unmap = on_unmap};
	return vmsc_mm_new(&vmsc_heap, &config);
}

static void step(const struct told_row *row, struct vmsc_mm *mm)
{
	struct vmsc_call call = {.nr = 0};
	struct vmsc_outcome out;

	told_read_call(row, &call);
	if (vmsc_mm_step(mm, &call, &out))
		told_stop(row, "the memory");
	if (!call.has_result && out.predicted < 0)
		say("%s= %" PRId64, *told ? "; " : "", out.predicted);
	if (out.wrong)
		say("%swrong", *told ? "; " : "");
	if (out.undetermined)
		say("%s? %d", *told ? "; " : "", out.undetermined);
}

/* The VMAs, each with its vm_flags but for VM_MAY*, and its anon_vma. */
static void say_after(const struct vmsc_mm *mm)
{
	const uint64_t may = VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);
	struct vmsc_vma vma;
	uint64_t addr = 0;

	say(" =>");
	for (; vmsc_mm_find(mm, addr, &vma); addr = vma.end) {
		say(" %" PRIu64 "-%" PRIu64 ":%" PRIx64, NUMBER(vma.start), NUMBER(vma.end),
		    vma.vm_flags & ~may);
		if (vma.anon_vma)
			say("a%u", vma.anon_vma);
	}
}

static void say_range(const char *what, const struct vmsc_range *range)
{
	if (range->start < range->end)
		say("%s%s%" PRIu64 "-%" PRIu64, *told ? " " : "", what, NUMBER(range->start),
		    NUMBER(range->end));
}

/* What the recorder is to look at before the call: anonymous pages, and page tables that go or stay. */
static void say_asks(const struct told_row *row, const struct vmsc_mm *mm)
{
	struct vmsc_range asks[8];
	struct vmsc_table_asks tables;
	struct vmsc_call call = {.nr = 0};
	size_t nr, i;

	told_read_call(row, &call);
	nr = vmsc_mm_asks(mm, &call, asks, 8);
	for (i = 0; i < nr && i < 8; i++)
		say_range("", &asks[i]);
	vmsc_mm_table_asks(mm, &call, &tables);
	say_range("goes ", &tables.freed);
	say_range("stays ", &tables.kept[0]);
	say_range("stays ", &tables.kept[1]);
}

static void ask_why(const struct told_row *row, struct vmsc_mm *mm, unsigned int a, unsigned int b)
{
	struct vmsc_vma prev, next;
	uint64_t bits = 0;
	enum vmsc_refusal refused;

	if (!vmsc_mm_find(mm, PAGE(a), &prev) || !vmsc_mm_find(mm, PAGE(b), &next))
		told_stop(row, "an address");
	refused = vmsc_mm_why_apart(mm, &prev, &next, &bits);
	say("why");
	say_side(refused, bits);
	if (vmsc_mm_why_apart(mm, &prev, &next, NULL) != refused)
		say(", without bits another");
}

/* After a call: the end is none's. */
static void say_exit(const struct told_row *row, struct vmsc_mm *mm)
{
	const struct vmsc_call nothing = {.seq = 5, .nr = SYS_munmap, .args = {PAGE(100000), VMSC_PAGE_SIZE}};
	struct vmsc_outcome out;

	if (vmsc_mm_step(mm, &nothing, &out))
		told_stop(row, "the memory");
	vmsc_mm_exit(mm);
}

/* All that is told of the row's operation; @invalid: what is then wrong with the model, NULL: nothing. */
static void tell(const struct told_row *row, const char **invalid)
{
	struct vmsc_mm *mm = new_mm(row);
	unsigned int a, b;

	if (!mm)
		told_stop(row, "the memory");
	told[0] = '\0';
	told_set_files(row, mm);
	told_set_before(row, mm);
	if (!strcmp(row->op, "exit"))
		say_exit(row, mm);
	else if (!strncmp(row->op, "asks ", 5))
		say_asks(row, mm);
	else if (sscanf(row->op, "why %u %u", &a, &b) == 2)
		ask_why(row, mm, a, b);
	else {
		step(row, mm);
		say_after(mm);
	}
	if (!vmsc_mm_validate(mm, invalid))
		*invalid = NULL;
	vmsc_mm_free(mm);
}

int told_check(const char *name, const struct told_row *rows, size_t nr)
{
	const char *invalid;
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct told_row *row = &rows[i];

		tell(row, &invalid);
		CHECK(!strcmp(told, row->told), "%s (%s on %u.%u)\n  want %s\n  told %s", row->name, row->op,
		      row->major, row->minor, row->told, told);
		CHECK(!invalid, "%s: %s", row->name, invalid);
	}
	return check_result(name);
}
