/* SPDX-License-Identifier: MIT */
/*
 * Greedy: from each tile on, the period whose repetitions reach furthest; equal ones, wherever they lie, are
 * one pattern.
 */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>

#include "table.h"

#define LEAST_TIMES 3

static void count_value(struct vmsc_commonest *values, uint64_t value)
{
	size_t i;

	for (i = 0; i < values->nr; i++) {
		if (values->value[i] != value)
			continue;
		values->count[i]++;
		return;
	}
	if (values->nr == VMSC_SLOT_VALUES)
		return;
	values->value[values->nr] = value;
	values->count[values->nr++] = 1;
}

uint64_t vmsc_commonest_value(const struct vmsc_commonest *values)
{
	size_t best = 0, i;

	for (i = 1; i < values->nr; i++)
		if (values->count[i] > values->count[best])
			best = i;
	return values->nr ? values->value[best] : 0;
}

/* same[p - 1][i]: how many tiles from i on are the same as the one p further. */
static uint32_t *measure_periods(const struct vmsc_tile *tiles, size_t nr)
{
	uint32_t *same = vmsc_alloc((nr + 1) * VMSC_PERIOD_MAX * sizeof(*same));
	size_t period, i;

	for (period = 1; period <= VMSC_PERIOD_MAX; period++) {
		uint32_t *line = same + (period - 1) * (nr + 1);

		for (i = nr; i-- > 0;)
			if (i + period < nr && tiles[i].kind == tiles[i + period].kind)
				line[i] = line[i + 1] + 1;
	}
	return same;
}

/* The period that covers most from @at on, in whole repetitions; 0: none. */
static size_t best_period(const uint32_t *same, size_t nr, size_t at, size_t *times)
{
	size_t period, best = 0, covered = 0, n;

	for (period = 1; period <= VMSC_PERIOD_MAX; period++) {
		n = same[(period - 1) * (nr + 1) + at] / period + 1;
		if (n < LEAST_TIMES || n * period <= covered)
			continue;
		covered = n * period;
		best = period;
		*times = n;
	}
	return best;
}

/* By how much to turn so that the least sequence of kinds results: a pattern is the same wherever it begins.
 */
static size_t least_rotation(const struct vmsc_tile *tiles, size_t period)
{
	size_t best = 0, turn, i;

	for (turn = 1; turn < period; turn++) {
		for (i = 0; i < period; i++) {
			uint32_t a = tiles[(turn + i) % period].kind, b = tiles[(best + i) % period].kind;

			if (a != b) {
				if (a < b)
					best = turn;
				break;
			}
		}
	}
	return best;
}

static struct vmsc_pattern *pattern_of(struct vmsc_pattern **all, size_t *nr, const struct vmsc_tile *tiles,
				       size_t at, size_t period, size_t turn)
{
	struct vmsc_pattern fresh = {.period = period, .first = at};
	size_t i, slot;

	for (slot = 0; slot < period; slot++)
		fresh.slots[slot].kind = tiles[at + (slot + turn) % period].kind;
	for (i = 0; i < *nr; i++) {
		for (slot = 0; slot < period && (*all)[i].period == period; slot++)
			if ((*all)[i].slots[slot].kind != fresh.slots[slot].kind)
				break;
		if (slot == period && (*all)[i].period == period)
			return &(*all)[i];
	}
	APPEND(*all, *nr, fresh);
	return &(*all)[*nr - 1];
}

static void add_tile(struct vmsc_slot *slot, const struct vmsc_tile *tile)
{
	if (!slot->bytes || tile->size < slot->min_size)
		slot->min_size = tile->size;
	if (tile->size > slot->max_size)
		slot->max_size = tile->size;
	slot->bytes += tile->size;
	count_value(&slot->sizes, tile->size);
	count_value(&slot->sites, tile->site);
}

static int compare(const void *left, const void *right)
{
	const struct vmsc_pattern *a = left, *b = right;

	if (a->vmas != b->vmas)
		return a->vmas < b->vmas ? 1 : -1;
	return a->first > b->first ? 1 : -1;
}

struct vmsc_pattern *vmsc_patterns_find(const struct vmsc_tile *tiles, size_t nr_tiles, size_t *nr)
{
	uint32_t *same = measure_periods(tiles, nr_tiles);
	struct vmsc_pattern *all = NULL, *pattern;
	size_t at = 0, period, times = 0, turn, i;

	*nr = 0;
	while (at < nr_tiles) {
		period = best_period(same, nr_tiles, at, &times);
		if (!period) {
			at++;
			continue;
		}
		turn = least_rotation(tiles + at, period);
		pattern = pattern_of(&all, nr, tiles, at, period, turn);
		for (i = 0; i < times * period; i++)
			add_tile(&pattern->slots[(i + period - turn) % period], &tiles[at + i]);
		pattern->times += times;
		pattern->vmas += times * period;
		at += times * period;
	}
	free(same);
	if (*nr)
		qsort(all, *nr, sizeof(*all), compare);
	return all;
}
