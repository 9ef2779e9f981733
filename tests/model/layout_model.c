/* SPDX-License-Identifier: MIT */
/*
 * layout_model.c - the model's world: steps a plan through vmsc_mm_step() with a counting allocator,
 * validates after every step, and checks what only the model can tell. Entry point: layout_model_run().
 */
#include "layout_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum layout_way layout_model_way;

static void *count_alloc(void *ctx, size_t size)
{
	struct layout_model *world = ctx;

	if (++world->allocations == world->fail_at) {
		world->failed = true;
		return NULL;
	}
	world->balance += (int64_t)size;
	return malloc(size);
}

static void count_free(void *ctx, void *ptr, size_t size)
{
	struct layout_model *world = ctx;

	if (ptr)
		world->balance -= (int64_t)size;
	free(ptr);
}

static void note_merge(void *ctx, const struct vmsc_merge_note *note)
{
	struct layout_model *world = ctx;

	if (world->nr_notes < sizeof(world->notes) / sizeof(world->notes[0]))
		world->notes[world->nr_notes++] = *note;
}

/* An address as the page of the drawing; the ends of the address space by name. */
static const char *page_text(uint64_t value, char *text)
{
	if (value >= LAYOUT_BASE && value <= LAYOUT_END)
		sprintf(text, "%d", (int)((value - LAYOUT_BASE) >> VMSC_PAGE_SHIFT));
	else if (value == UINT64_MAX)
		strcpy(text, "max");
	else if (!value)
		strcpy(text, "none");
	else
		sprintf(text, "#%llu", (unsigned long long)value);
	return text;
}

static void note_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	static const char *const callers[] = {"munmap", "failed", "exit"};
	struct layout_model *world = ctx;
	const struct vmsc_unmap_desc *desc = &note->desc;
	size_t len = strlen(world->unmaps);
	char text[7][24];

	snprintf(world->unmaps + len, sizeof(world->unmaps) - len,
		 "%s%s first=%s floor=%s ceiling=%s vma=%s-%s tree=%s reset=%s", len ? "; " : "",
		 callers[note->caller], page_text(desc->first, text[0]),
		 page_text(desc->first_pgaddr, text[1]), page_text(desc->last_pgaddr, text[2]),
		 page_text(desc->vma_min, text[3]), page_text(desc->vma_max, text[4]),
		 page_text(desc->tree_max, text[5]), page_text(desc->tree_reset, text[6]));
}

static int set_files(struct vmsc_mm *mm)
{
	static const struct {
		uint32_t kind, mode;
		const char *name;
	} files[] = {{0, 0, ""},
#define X(name, kind, mode) {VMSC_FILE_##kind, VMSC_FILE_##mode, #name},
		     LAYOUT_FILES(X)
#undef X
	};

	for (uint32_t id = 1; id < LAYOUT_FILE_SHM + 16; id++) {
		struct vmsc_file file = {.id = id, .inode = id, .dev_minor = 1};

		if (id >= LAYOUT_NR_FILES && id < LAYOUT_FILE_SHM)
			continue;
		if (id < LAYOUT_NR_FILES) {
			file.kind = files[id].kind;
			file.mode = files[id].mode;
		} else {
			file.kind = VMSC_FILE_SHMEM;
			file.mode = VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_CLOSE_HOOK;
		}
		if (id == LAYOUT_FILE_driver)
			file.learned_flags =
				VMSC_VM(IO) | VMSC_VM(PFNMAP) | VMSC_VM(DONTEXPAND) | VMSC_VM(DONTDUMP);
		if (id == LAYOUT_FILE_same || id == LAYOUT_FILE_ro || id == LAYOUT_FILE_wo)
			file.inode = LAYOUT_FILE_file;
		if (vmsc_mm_set_file(mm, &file))
			return -ENOMEM;
	}
	return 0;
}

static struct vmsc_mm_config config_of(struct layout_model *world, vmsc_rules_t rules)
{
	struct vmsc_mm_config config = {
		.rules = rules | VMSC_RULE_BIT(VMSC_RULE_ANON_VMA_NAME),
		.limits = {.max_map_count = 65530,
			   .as = UINT64_MAX,
			   .data = UINT64_MAX,
			   .stack = 8 << 20,
			   .memlock = UINT64_MAX,
			   .ipc_lock = true,
			   .mmap_min_addr = 65536,
			   .stack_guard_gap = 256 * VMSC_PAGE_SIZE},
		.layout = {.task_size = (UINT64_C(1) << 47) - VMSC_PAGE_SIZE,
			   .mmap_base = UINT64_C(0x7f0000000000),
			   .legacy_base = UINT64_C(0x2aaaaaaab000),
			   .randomized = true,
			   .start_brk = LAYOUT_BASE,
			   .brk = LAYOUT_BASE,
			   .start_stack = UINT64_C(0x7ffffff00000)},
		.merge_way = layout_model_way == LAYOUT_WAY_OLDER ? VMSC_MERGE_WAY_CASES : VMSC_MERGE_WAY_NEW,
		.unmap_way = layout_model_way == LAYOUT_WAY_OLDER ? VMSC_UNMAP_WAY_ARGS : VMSC_UNMAP_WAY_DESC,
		.vmas_only = layout_model_way == LAYOUT_WAY_VMAS_ONLY,
		.listener = {.merge = note_merge, .unmap = note_unmap, .ctx = world},
	};

	return config;
}

int layout_model_new(struct layout_model *world, vmsc_rules_t rules, uint64_t fail_at)
{
	struct vmsc_mm_config config = config_of(world, rules);

	memset(world, 0, sizeof(*world));
	world->fail_at = fail_at;
	world->allocator = (struct vmsc_allocator){count_alloc, count_free, world};
	world->mm = vmsc_mm_new(&world->allocator, &config);
	if (!world->mm && world->failed)
		world->mm = vmsc_mm_new(&world->allocator, &config);
	if (!world->mm)
		return -ENOMEM;
	if (set_files(world->mm) && (!world->failed || set_files(world->mm)))
		return -ENOMEM;
	return 0;
}

void layout_model_free(struct layout_model *world)
{
	if (world->mm)
		vmsc_mm_free(world->mm);
	world->mm = NULL;
}

/* A read gives no anon_vma, but a stack grows by it too. */
static int fault_or_grow(struct layout_model *world, uint64_t addr, bool write, int64_t *result)
{
	struct vmsc_vma vma;
	int err = -EFAULT;

	*result = 0;
	if (vmsc_mm_find(world->mm, addr, &vma)) {
		if (vma.start <= addr)
			err = write ? vmsc_mm_fault(world->mm, addr) : 0;
		else if (vma.vm_flags & VMSC_VM(GROWSDOWN))
			err = vmsc_mm_grow_stack(world->mm, vma.end, addr & ~(VMSC_PAGE_SIZE - 1));
	}
	if (err == -EFAULT) {
		*result = -EFAULT;
		err = 0;
	}
	return err;
}

/* 0, or -ENOMEM when the model itself ran out of memory. */
int layout_model_do(struct layout_model *world, struct layout_step *step, int64_t *result)
{
	int err = 0;

	*result = 0;
	memset(&world->out, 0, sizeof(world->out));
	switch (step->kind) {
	case LAYOUT_CALL:
		step->call.seq = ++world->seq;
		err = vmsc_mm_step(world->mm, &step->call, &world->out);
		if (err)
			world->seq--;
		*result = step->call.has_result ? step->call.result : world->out.predicted;
		break;
	case LAYOUT_FAULT:
	case LAYOUT_READ:
		err = fault_or_grow(world, step->addr, step->kind == LAYOUT_FAULT, result);
		break;
	case LAYOUT_FORK:
		err = vmsc_mm_fork(world->mm);
		break;
	case LAYOUT_EXIT:
		vmsc_mm_exit(world->mm);
		break;
	case LAYOUT_LIMIT:
		vmsc_mm_config(world->mm)->limits.max_map_count = step->addr;
		break;
	}
	return err;
}

static uint64_t clip(uint64_t addr)
{
	if (addr < LAYOUT_BASE)
		return 0;
	if (addr > LAYOUT_END)
		return LAYOUT_PAGES;
	return (addr - LAYOUT_BASE) >> VMSC_PAGE_SHIFT;
}

void layout_model_see(struct layout_model *world, struct layout_drawing *seen)
{
	struct vmsc_vma vma;
	uint64_t addr = LAYOUT_BASE;

	seen->nr = 0;
	while (vmsc_mm_find(world->mm, addr, &vma) && vma.start < LAYOUT_END && seen->nr < LAYOUT_PAGES) {
		struct layout_piece *piece = &seen->piece[seen->nr++];

		*piece = (struct layout_piece){
			.start = clip(vma.start),
			.end = clip(vma.end),
			.flags = vma.vm_flags,
			.pgoff = vma.pgoff,
			.born = vma.born,
			.file = vma.file,
			.anon_vma = vma.anon_vma,
			.policy = vma.policy,
			.uffd = vma.uffd,
			.name = vma.name,
		};
		addr = vma.end;
	}
}

static bool has_note(const struct layout_model *world, const char *reason, size_t len, bool prev, bool next)
{
	for (size_t i = 0; i < world->nr_notes; i++) {
		for (int side = 0; side < 2; side++) {
			const char *name = vmsc_refusal_name(world->notes[i].refused[side]);

			if ((side ? next : prev) && name && strlen(name) == len &&
			    !strncmp(name, reason, len))
				return true;
		}
	}
	return false;
}

static const char *refusals_differ(const struct layout_model *world, const char *want)
{
	static char text[320];
	size_t used;

	while (want && *want) {
		size_t len = strcspn(want, " ");
		const char *is = memchr(want, '=', len);
		const char *reason = is ? is + 1 : want;

		if (!has_note(world, reason, len - (size_t)(reason - want), *want != 'n' || !is,
			      *want != 'p' || !is))
			break;
		want += len + (want[len] == ' ');
	}
	if (!want || !*want)
		return NULL;
	used = (size_t)snprintf(text, sizeof(text), "no merge was refused by \"%s\"; merges:", want);
	for (size_t i = 0; i < world->nr_notes && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " prev=%s next=%s%s",
					 vmsc_refusal_name(world->notes[i].refused[0]),
					 vmsc_refusal_name(world->notes[i].refused[1]),
					 world->notes[i].merged ? "," : " (none),");
	return text;
}

static const char *apart_differs(const struct layout_model *world, const char *want)
{
	static char text[320];
	char got[240] = "";
	struct vmsc_vma vma, next;
	uint64_t addr = LAYOUT_BASE, bits;

	if (!want)
		return NULL;
	while (vmsc_mm_find(world->mm, addr, &vma) && vmsc_mm_find(world->mm, vma.end, &next)) {
		if (next.start == vma.end) {
			const char *name =
				vmsc_refusal_name(vmsc_mm_why_apart(world->mm, &vma, &next, &bits));

			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", *got ? " " : "", name);
		}
		addr = vma.end;
	}
	if (!strcmp(got, want))
		return NULL;
	snprintf(text, sizeof(text), "apart because of \"%s\"", got);
	return text;
}

static const char *born_differs(const struct layout_plan *plan, const struct layout_drawing *seen,
				const char *want)
{
	static char text[160];
	char got[LAYOUT_PAGES + 1] = "";
	bool same = true;

	if (!want)
		return NULL;
	for (size_t i = 0; i < seen->nr; i++) {
		got[i] = '!';
		if (seen->piece[i].born > plan->nr_setup)
			got[i] = (char)('0' + seen->piece[i].born - plan->nr_setup);
		for (size_t j = 0; j < plan->before.nr; j++)
			if (plan->before.piece[j].born == seen->piece[i].born)
				got[i] = plan->before.piece[j].letter;
		same &= want[i] == got[i] || want[i] == '?';
	}
	if (same)
		return NULL;
	snprintf(text, sizeof(text), "the objects are \"%s\"", got);
	return text;
}

static const char *unmaps_differ(const struct layout_model *world, const char *want)
{
	static char text[640];

	if (!want || layout_model_way == LAYOUT_WAY_VMAS_ONLY || !strcmp(want, world->unmaps))
		return NULL;
	snprintf(text, sizeof(text), "unmapped %s", world->unmaps);
	return text;
}

/* Births are counted in calls, steps of the plan are not all calls. */
static void number_births(const struct layout_plan *plan, struct layout_plan *numbered)
{
	uint64_t seq = 0, setup_calls = 0;

	*numbered = *plan;
	for (size_t i = 0; i < plan->nr; i++) {
		if (plan->step[i].kind != LAYOUT_CALL)
			continue;
		seq++;
		if (i < plan->nr_setup)
			setup_calls = seq;
		for (size_t j = 0; j < plan->before.nr; j++)
			if (plan->before.piece[j].born == i + 1)
				numbered->before.piece[j].born = seq;
	}
	numbered->nr_setup = setup_calls;
}

static bool same_drawing(const struct layout_drawing *a, const struct layout_drawing *b)
{
	return a->nr == b->nr && !memcmp(a->piece, b->piece, a->nr * sizeof(a->piece[0]));
}

/* One step; out of memory must change nothing, and the second try must do it. */
static const char *do_step(struct layout_model *world, struct layout_step *step, int64_t *result)
{
	static struct layout_drawing before, after;
	const char *what = NULL;
	size_t notes = world->nr_notes, unmaps = strlen(world->unmaps);
	int err;

	layout_model_see(world, &before);
	err = layout_model_do(world, step, result);
	if (err) {
		if (err != -ENOMEM || !world->failed)
			return "the step failed though there was memory";
		layout_model_see(world, &after);
		if (!same_drawing(&before, &after))
			return "out of memory changed the address space";
		if (vmsc_mm_validate(world->mm, &what))
			return what;
		world->nr_notes = notes;
		world->unmaps[unmaps] = 0;
		err = layout_model_do(world, step, result);
	}
	if (err)
		return "the second try failed too";
	return vmsc_mm_validate(world->mm, &what) ? what : NULL;
}

static int run_steps(struct layout_model *world, struct layout_plan *plan, size_t from, size_t to,
		     char *problem, size_t size)
{
	for (size_t i = from; i < to; i++) {
		int64_t result;
		const char *what = do_step(world, &plan->step[i], &result);

		if (!what && !layout_result_ok(&plan->step[i], result))
			what = "wrong result";
		if (what) {
			snprintf(problem, size, "%s %zu: %s (%lld)",
				 i < plan->nr_setup ? "set-up" : "operation",
				 i < plan->nr_setup ? i + 1 : i + 1 - plan->nr_setup, what,
				 (long long)result);
			return -1;
		}
	}
	return 0;
}

static const char *check_after(struct layout_model *world, const struct layout_plan *plan,
			       const struct layout_plan *numbered, const struct layout_drawing *seen)
{
	const char *what = layout_differs(plan, &plan->after, seen, true);

	if (!what)
		what = refusals_differ(world, plan->row->refused);
	if (!what)
		what = apart_differs(world, plan->row->apart);
	if (!what)
		what = born_differs(numbered, seen, plan->row->born);
	if (!what)
		what = unmaps_differ(world, plan->row->unmap);
	return what;
}

static int run_world(struct layout_model *world, struct layout_plan *plan, struct layout_drawing *seen,
		     char *problem, size_t size)
{
	static struct layout_plan numbered;
	const char *what;
	int err;

	number_births(plan, &numbered);
	if (run_steps(world, plan, 0, plan->nr_setup, problem, size)) {
		layout_model_see(world, seen);
		return -1;
	}
	layout_model_see(world, seen);
	what = layout_differs(plan, &plan->before, seen, true);
	if (what) {
		snprintf(problem, size, "\"before\" is not reached: %s", what);
		return -1;
	}
	world->nr_notes = 0;
	world->unmaps[0] = 0;
	err = run_steps(world, plan, plan->nr_setup, plan->nr, problem, size);
	layout_model_see(world, seen);
	what = err ? NULL : check_after(world, plan, &numbered, seen);
	if (what)
		snprintf(problem, size, "%s", what);
	return err || what ? -1 : 0;
}

int layout_model_run(const struct layout_plan *plan, vmsc_rules_t rules, uint64_t fail_at, bool *failed,
		     struct layout_drawing *seen, char *problem, size_t size)
{
	static struct layout_plan copy;
	struct layout_model world;
	int err = -1;

	copy = *plan;
	seen->nr = 0;
	if (layout_model_new(&world, rules, fail_at))
		snprintf(problem, size, "the model cannot be made");
	else
		err = run_world(&world, &copy, seen, problem, size);
	layout_model_free(&world);
	if (!err && world.balance) {
		snprintf(problem, size, "%lld bytes are not freed", (long long)world.balance);
		err = -1;
	}
	*failed = world.failed;
	return err;
}
