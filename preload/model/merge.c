/* SPDX-License-Identifier: MIT */
/*
 * merge.c - when two VMAs become one. Two operations share the predicates: a range that was free joins its
 * neighbours (vmsc_merge_new_vma), and a VMA whose attributes change joins them (vmsc_merge_modified). Each
 * refusal has one reason.
 */
#include "internal.h"

/* The attributes of @vma, wanted for the range of @merge. */
void vmsc_merge_copy(struct vmsc_merge *merge, const struct vmsc_vma *vma)
{
	merge->vm_flags = vma->vm_flags;
	merge->file = vma->file;
	merge->anon_vma = vma->anon_vma;
	merge->policy = vma->policy;
	merge->uffd = vma->uffd;
	merge->name = vma->name;
	merge->traits = vma->traits;
}

/*
 * A close hook hinders by release: 6.1 every neighbour that has one, 6.6 only next, which might be removed;
 * from 6.12 on nobody here, but the removal itself (vmsc_merge_can_remove).
 */
static bool is_hindered_by_close(const struct vmsc_mm *mm, const struct vmsc_node *neighbour, int side)
{
	if (has_rule(mm, VMSC_RULE_CLOSE_HOOK_REMOVAL))
		return false;
	if (has_rule(mm, VMSC_RULE_CLOSE_HOOK_PREV) && side == LEFT)
		return false;
	return vmsc_file_has_close_hook(mm, &neighbour->vma);
}

bool vmsc_merge_can_remove(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	return !vmsc_file_has_close_hook(mm, &node->vma);
}

/*
 * Is the forked chain of what is merged in looked at? mremap's copy was forgotten at first; what grows in
 * place is no VMA that is copied or modified, and so nobody's chain.
 */
static bool is_source_forked(const struct vmsc_mm *mm, const struct vmsc_merge *merge)
{
	if (merge->caller == VMSC_MERGE_BY_VMA_EXPAND)
		return false;
	if (merge->caller == VMSC_MERGE_BY_COPY_VMA && !has_rule(mm, VMSC_RULE_COPY_FORK_CHECK))
		return false;
	return merge->traits & VMSC_VMA_FORKED;
}

/*
 * is_mergeable_anon_vma(): may what has @anon_vma be merged into @target? The older rule asks for exactly one
 * entry in the chain of the target, which an unfaulted target does not have either.
 */
static bool can_join_anon_vma(const struct vmsc_mm *mm, const struct vmsc_merge *merge,
			      const struct vmsc_vma *target, uint32_t anon_vma)
{
	if (target->anon_vma == anon_vma)
		return true;
	if (!anon_vma)
		return !(target->traits & VMSC_VMA_FORKED);
	if (!target->anon_vma && has_rule(mm, VMSC_RULE_AV_MERGE_FIX))
		return !is_source_forked(mm, merge);
	return false;
}

/* Two different anon_vmas, one of them a guess: the refusal is one too. */
static bool is_anon_vma_guessed(const struct vmsc_merge *merge, const struct vmsc_vma *target)
{
	return merge->anon_vma && target->anon_vma &&
	       ((merge->traits | target->traits) & VMSC_VMA_ANON_VMA_UNSURE);
}

static bool is_adjacent(const struct vmsc_merge *merge, const struct vmsc_node *neighbour, int side)
{
	if (!neighbour)
		return false;
	return side == LEFT ? neighbour->vma.end == merge->start : neighbour->vma.start == merge->end;
}

static bool is_pgoff_linear(const struct vmsc_merge *merge, const struct vmsc_vma *vma, int side)
{
	if (side == LEFT)
		return vma->pgoff + ((vma->end - vma->start) >> VMSC_PAGE_SHIFT) == merge->pgoff;
	return vma->pgoff == merge->pgoff + ((merge->end - merge->start) >> VMSC_PAGE_SHIFT);
}

/* can_vma_merge_before/after() with the anon_vma given. Returns: the reason against it, VMSC_REFUSED_NONE for
 * none. */
static enum vmsc_refusal refusal_with(const struct vmsc_mm *mm, struct vmsc_merge *merge, int side,
				      uint32_t anon_vma)
{
	const struct vmsc_node *neighbour = side == LEFT ? merge->prev : merge->next;
	const struct vmsc_vma *vma;
	bool file_guessed = false;

	if (!is_adjacent(merge, neighbour, side))
		return VMSC_REFUSED_NOT_ADJACENT;
	vma = &neighbour->vma;
	if (merge->vm_flags & VMSC_VM_SPECIAL)
		return VMSC_REFUSED_SPECIAL;
	if (vma->policy != merge->policy)
		return VMSC_REFUSED_POLICY;
	merge->flag_bits[side] = (vma->vm_flags ^ merge->vm_flags) & ~ignored_flags(mm);
	if (merge->flag_bits[side])
		return VMSC_REFUSED_FLAGS;
	if (vma->file != merge->file) {
		file_guessed = vmsc_mm_may_be_one_file(mm, vma->file, merge->file);
		if (!file_guessed)
			return VMSC_REFUSED_FILE;
	}
	if (is_hindered_by_close(mm, neighbour, side))
		return VMSC_REFUSED_CLOSE_HOOK;
	if (vma->uffd != merge->uffd)
		return VMSC_REFUSED_UFFD;
	if (vma->name != merge->name)
		return VMSC_REFUSED_NAME;
	if (!is_pgoff_linear(merge, vma, side))
		return VMSC_REFUSED_PGOFF;
	if (!can_join_anon_vma(mm, merge, vma, anon_vma)) {
		if (is_anon_vma_guessed(merge, vma))
			merge->hidden = VMSC_HIDDEN_ANON_VMA;
		return VMSC_REFUSED_ANON_VMA;
	}
	if (file_guessed) {
		merge->hidden = VMSC_HIDDEN_FILE;
		return VMSC_REFUSED_FILE;
	}
	return VMSC_REFUSED_NONE;
}

enum vmsc_refusal vmsc_merge_refusal(const struct vmsc_mm *mm, struct vmsc_merge *merge, int side)
{
	return refusal_with(mm, merge, side, merge->anon_vma);
}

/* Both neighbours would take the range; would they take each other? */
bool vmsc_merge_can_join(struct vmsc_merge *merge)
{
	const struct vmsc_vma *prev = &merge->prev->vma, *next = &merge->next->vma;

	if (!prev->anon_vma || !next->anon_vma || prev->anon_vma == next->anon_vma)
		return true;
	if ((prev->traits | next->traits) & VMSC_VMA_ANON_VMA_UNSURE)
		merge->hidden = VMSC_HIDDEN_ANON_VMA;
	return false;
}

/* The general decision for a new range, prev before next. */
static void decide_new(const struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	merge->refused[LEFT] = refusal_with(mm, merge, LEFT, merge->anon_vma);
	merge->refused[RIGHT] = refusal_with(mm, merge, RIGHT, merge->anon_vma);
	if (merge->refused[LEFT] || merge->refused[RIGHT])
		return;
	if (!vmsc_merge_can_join(merge))
		merge->refused[RIGHT] = VMSC_REFUSED_ANON_VMA;
	else if (!vmsc_merge_can_remove(mm, merge->next))
		merge->refused[RIGHT] = VMSC_REFUSED_CLOSE_HOOK;
}

/* mmap_region() before 6.12: next is asked first, then prev with the anon_vma of next. */
static void decide_new_next_first(const struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	uint32_t anon_vma = 0;

	merge->refused[RIGHT] = refusal_with(mm, merge, RIGHT, 0);
	if (!merge->refused[RIGHT])
		anon_vma = merge->next->vma.anon_vma;
	merge->refused[LEFT] = refusal_with(mm, merge, LEFT, anon_vma);
	if (merge->refused[LEFT] == VMSC_REFUSED_ANON_VMA && anon_vma && merge->prev->vma.anon_vma &&
	    ((merge->prev->vma.traits | merge->next->vma.traits) & VMSC_VMA_ANON_VMA_UNSURE))
		merge->hidden = VMSC_HIDDEN_ANON_VMA;
}

static bool is_open(enum vmsc_refusal refused)
{
	return refused == VMSC_REFUSED_NONE || refused == VMSC_REFUSED_ANON_VMA;
}

/* Does it hang on an anon_vma of which nothing was found out? */
static bool hangs_on_unknown(const struct vmsc_merge *merge)
{
	bool left = is_open(merge->refused[LEFT]), right = is_open(merge->refused[RIGHT]);
	bool left_unknown = left && vmsc_anon_unknown(merge->prev);
	bool right_unknown = right && vmsc_anon_unknown(merge->next);

	if (merge->anon_vma)
		return left_unknown || right_unknown;
	return left && right && (left_unknown || right_unknown) && vmsc_anon_possible(merge->prev) &&
	       vmsc_anon_possible(merge->next);
}

void vmsc_merge_tell(struct vmsc_mm *mm, const struct vmsc_merge *merge, bool merged)
{
	const struct vmsc_listener *listener = &mm->config.listener;
	struct vmsc_merge_note note;

	if (mm->dry)
		return;
	if (merge->hidden)
		mm->hidden = merge->hidden;
	else if (merge->unasked && hangs_on_unknown(merge))
		mm->hidden = VMSC_HIDDEN_ANON_VMA;
	if (!listener->merge)
		return;
	note = (struct vmsc_merge_note){.caller = merge->caller,
					.start = merge->start,
					.end = merge->end,
					.merged = merged,
					.merge_case = merge->merge_case};
	for (int side = LEFT; side <= RIGHT; side++) {
		note.refused[side] = merge->refused[side];
		if (merge->refused[side] == VMSC_REFUSED_FLAGS)
			note.flag_bits[side] = merge->flag_bits[side];
	}
	listener->merge(listener->ctx, &note);
}

/* Takes the anon_vma (if @target has none), sticky flags and suspicion of @part over into @target. */
void vmsc_merge_absorb(struct vmsc_mm *mm, struct vmsc_node *target, const struct vmsc_node *part)
{
	if (!target->vma.anon_vma && part->vma.anon_vma)
		vmsc_anon_adopt(&target->vma, part->vma.anon_vma, part->vma.traits);
	if (has_rule(mm, VMSC_RULE_STICKY_GUARD))
		target->vma.vm_flags |= part->vma.vm_flags & ignored_flags(mm);
	target->maybe_touched |= part->maybe_touched;
}

/* The same for a range that has no VMA yet. */
void vmsc_merge_absorb_wanted(struct vmsc_mm *mm, struct vmsc_node *target, const struct vmsc_merge *merge)
{
	if (!target->vma.anon_vma && merge->anon_vma)
		vmsc_anon_adopt(&target->vma, merge->anon_vma, merge->traits);
	if (has_rule(mm, VMSC_RULE_STICKY_GUARD))
		target->vma.vm_flags |= merge->vm_flags & ignored_flags(mm);
}

static struct vmsc_node *commit_new(struct vmsc_mm *mm, const struct vmsc_merge *merge)
{
	struct vmsc_node *prev = merge->prev, *next = merge->next;
	bool left = !merge->refused[LEFT], right = !merge->refused[RIGHT];

	if (!left) {
		vmsc_merge_absorb_wanted(mm, next, merge);
		vmsc_node_set_range(mm, next, merge->start, next->vma.end);
		return next;
	}
	vmsc_merge_absorb_wanted(mm, prev, merge);
	if (right) {
		uint64_t end = next->vma.end;

		vmsc_merge_absorb(mm, prev, next);
		vmsc_node_remove(mm, next);
		vmsc_node_set_range(mm, prev, prev->vma.start, end);
	} else {
		vmsc_node_set_range(mm, prev, prev->vma.start, merge->end);
	}
	return prev;
}

/*
 * vma_merge_new_range(): the one way in which a range that was free before joins its neighbours.
 *
 *      ....            ....            ....
 *  PPPP    NNNN    PPPP    NNNN    PPPP    NNNN
 *  PPPPPPPPPPPP    PPPPPPPPNNNN    PPPPNNNNNNNN
 *     both             prev            next
 *
 * Callers: mmap_region; the second try after a driver's mmap hook changed vm_flags, with the VMA's own range
 * and pgoff; copy_vma, which must see for itself whether the source has become part of the result; mremap's
 * expansion in place, whose prev is the VMA that grows; brk, which gives no next. Attributes that nobody set
 * count as none.
 *
 * Returns: the VMA that now holds the range, or NULL: no merge, merge->refused says why.
 * ASSUMPTIONS: no VMA overlaps [start, end); prev ends at or below start, next begins at or above end.
 */
struct vmsc_node *vmsc_merge_new_vma(struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	struct vmsc_node *result = NULL;
	bool free_range = vmsc_tree_is_free(mm, merge->start, merge->end);

	if (!free_range && !mm->dry) {
		merge->refused[LEFT] = merge->refused[RIGHT] = VMSC_REFUSED_NOT_ADJACENT;
		mm->contradiction = true; /* never: a caller has forgotten to unmap */
		return NULL;
	}
	if (merge->caller == VMSC_MERGE_BY_MMAP_REGION && !has_rule(mm, VMSC_RULE_NEW_MERGE_PREV_FIRST))
		decide_new_next_first(mm, merge);
	else if (mm->config.merge_way == VMSC_MERGE_WAY_CASES)
		return vmsc_merge_by_cases(mm, merge);
	else
		decide_new(mm, merge);
	vmsc_merge_tell(mm, merge, !merge->refused[LEFT] || !merge->refused[RIGHT]);
	if (merge->refused[LEFT] && merge->refused[RIGHT])
		return NULL;
	if (!mm->dry)
		result = commit_new(mm, merge);
	return result;
}

/* Which sides a modified range joins, close hooks of what would be removed included. */
static void decide_modified(const struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	struct vmsc_node *middle = merge->middle;
	bool whole = merge->start == middle->vma.start && merge->end == middle->vma.end;

	merge->refused[LEFT] = refusal_with(mm, merge, LEFT, merge->anon_vma);
	merge->refused[RIGHT] = refusal_with(mm, merge, RIGHT, merge->anon_vma);
	if (!merge->refused[LEFT] && !merge->refused[RIGHT] && !vmsc_merge_can_join(merge))
		merge->refused[RIGHT] = VMSC_REFUSED_ANON_VMA;
	if (whole && !vmsc_merge_can_remove(mm, middle)) {
		if (!merge->refused[LEFT])
			merge->refused[LEFT] = VMSC_REFUSED_CLOSE_HOOK;
		if (!merge->refused[RIGHT])
			merge->refused[RIGHT] = VMSC_REFUSED_CLOSE_HOOK;
	}
	if (!merge->refused[LEFT] && !merge->refused[RIGHT] && !vmsc_merge_can_remove(mm, merge->next))
		merge->refused[RIGHT] = VMSC_REFUSED_CLOSE_HOOK;
}

/* The result begins as prev: it takes middle, or the part of it up to the end of the range, and next if that
 * joins too. */
static struct vmsc_node *commit_left(struct vmsc_mm *mm, const struct vmsc_merge *merge)
{
	struct vmsc_node *prev = merge->prev, *middle = merge->middle, *next = merge->next;
	uint64_t end = merge->end;

	vmsc_merge_absorb(mm, prev, middle);
	if (!merge->refused[RIGHT]) {
		end = next->vma.end;
		vmsc_merge_absorb(mm, prev, next);
		vmsc_node_remove(mm, next);
	}
	if (merge->end == middle->vma.end)
		vmsc_node_remove(mm, middle);
	else
		vmsc_node_set_range(mm, middle, merge->end, middle->vma.end);
	vmsc_node_set_range(mm, prev, prev->vma.start, end);
	return prev;
}

static struct vmsc_node *commit_right(struct vmsc_mm *mm, const struct vmsc_merge *merge)
{
	struct vmsc_node *middle = merge->middle, *next = merge->next;

	vmsc_merge_absorb(mm, next, middle);
	if (merge->start == middle->vma.start)
		vmsc_node_remove(mm, middle);
	else
		vmsc_node_set_range(mm, middle, middle->vma.start, merge->start);
	vmsc_node_set_range(mm, next, merge->start, next->vma.end);
	return next;
}

/*
 * vma_merge_existing_range(): a range of middle gets the attributes in @merge and joins whom it is then equal
 * to.
 *
 *  PPPPmmmmNNNN    PPPPmmmmNNNN    PPPPmmMMMMMM    PPPPmmmmNNNN    MMMMMMmmNNNN
 *  PPPPPPPPPPPP    PPPPPPPPNNNN    PPPPPPMMMMMM    PPPPNNNNNNNN    MMMMMMNNNNNN
 *     both             prev         prev, part         next         next, part
 *
 * Returns: the VMA that holds the range (the caller sets its attributes), or NULL: no merge.
 * ASSUMPTIONS: [start, end) lies in middle; prev or next is NULL where the range does not reach that end of
 * middle.
 */
struct vmsc_node *vmsc_merge_modified(struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	bool left, right;

	if (mm->config.merge_way == VMSC_MERGE_WAY_CASES)
		return vmsc_merge_by_cases(mm, merge);
	decide_modified(mm, merge);
	left = !merge->refused[LEFT];
	right = !merge->refused[RIGHT];
	vmsc_merge_tell(mm, merge, left || right);
	if (!left && !right)
		return NULL;
	if (mm->dry)
		return merge->middle;
	return left ? commit_left(mm, merge) : commit_right(mm, merge);
}

/* Asks in both directions: prev may take next, or next take prev. */
enum vmsc_refusal vmsc_mm_why_apart(const struct vmsc_mm *mm, const struct vmsc_vma *prev,
				    const struct vmsc_vma *next, uint64_t *flag_bits)
{
	struct vmsc_node nodes[2] = {{.vma = *prev}, {.vma = *next}};
	struct vmsc_merge merge = {.caller = VMSC_MERGE_BY_MODIFY, .prev = &nodes[0]};
	enum vmsc_refusal refusal;

	merge.start = next->start;
	merge.end = next->end;
	merge.pgoff = next->pgoff;
	vmsc_merge_copy(&merge, next);
	refusal = vmsc_merge_refusal(mm, &merge, LEFT);
	if (flag_bits)
		*flag_bits = merge.flag_bits[LEFT];
	if (refusal == VMSC_REFUSED_NONE && !vmsc_merge_can_remove(mm, &nodes[1]))
		return VMSC_REFUSED_CLOSE_HOOK;
	if (refusal != VMSC_REFUSED_ANON_VMA)
		return refusal;
	merge.prev = NULL;
	merge.next = &nodes[1];
	merge.start = prev->start;
	merge.end = prev->end;
	merge.pgoff = prev->pgoff;
	vmsc_merge_copy(&merge, prev);
	return vmsc_merge_refusal(mm, &merge, RIGHT);
}
