/* SPDX-License-Identifier: MIT */
/*
 * A skip list: order, insertion and removal at O(log n), and the next one for nothing.
 */
#include "borders.h"

#include <stddef.h>
#include <stdlib.h>

#include "say.h"

#define MAX_LEVEL 20

struct node {
	struct vmsc_border border; /* first: a border is its node */
	unsigned int levels;
	struct node *next[];
};

struct vmsc_borders {
	struct node *first[MAX_LEVEL];
	uint64_t random;
};

struct vmsc_borders *vmsc_borders_new(void)
{
	struct vmsc_borders *borders = vmsc_alloc(sizeof(*borders));

	borders->random = 88172645463325252u;
	return borders;
}

void vmsc_borders_free(struct vmsc_borders *borders)
{
	struct node *node = borders->first[0], *next;

	for (; node; node = next) {
		next = node->next[0];
		free(node);
	}
	free(borders);
}

/* *slots[level] is the link that leads to the first node at or above @addr on that level. */
static void find(const struct vmsc_borders *borders, uint64_t addr, struct node **slots[MAX_LEVEL])
{
	struct node **links = (struct node **)borders->first;
	int level;

	for (level = MAX_LEVEL - 1; level >= 0; level--) {
		while (links[level] && links[level]->border.addr < addr)
			links = links[level]->next;
		slots[level] = &links[level];
	}
}

struct vmsc_border *vmsc_borders_from(const struct vmsc_borders *borders, uint64_t addr)
{
	struct node **slots[MAX_LEVEL];

	find(borders, addr, slots);
	return *slots[0] ? &(*slots[0])->border : NULL;
}

struct vmsc_border *vmsc_borders_next(const struct vmsc_border *border)
{
	const struct node *node = (const void *)border;

	return node->next[0] ? &node->next[0]->border : NULL;
}

static unsigned int draw_levels(struct vmsc_borders *borders)
{
	unsigned int levels = 1;
	uint64_t random = borders->random;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	borders->random = random;
	for (; levels < MAX_LEVEL && (random & 3) == 3; random >>= 2)
		levels++;
	return levels;
}

struct vmsc_border *vmsc_borders_add(struct vmsc_borders *borders, uint64_t addr)
{
	unsigned int levels = draw_levels(borders), level;
	struct node *node = vmsc_alloc(sizeof(*node) + levels * sizeof(*node->next));
	struct node **slots[MAX_LEVEL];

	node->border.addr = addr;
	node->levels = levels;
	find(borders, addr, slots);
	for (level = 0; level < levels; level++) {
		node->next[level] = *slots[level];
		*slots[level] = node;
	}
	return &node->border;
}

struct vmsc_border *vmsc_borders_remove(struct vmsc_borders *borders, struct vmsc_border *border)
{
	struct node *node = (void *)border, *next = node->next[0], **slots[MAX_LEVEL];
	unsigned int level;

	find(borders, border->addr, slots);
	for (level = 0; level < node->levels; level++)
		*slots[level] = node->next[level];
	free(node);
	return next ? &next->border : NULL;
}
