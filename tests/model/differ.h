/* SPDX-License-Identifier: MIT */
/*
 * differ.h - random calls on the drawing's pages. Private to test_ways.
 */
#ifndef VMASCOPE_TESTS_DIFFER_H
#define VMASCOPE_TESTS_DIFFER_H

#include "layout_plan.h"

struct differ_random {
	uint64_t state;
	unsigned int lacks;
	uint32_t segments; /* attached so far */
	bool populates;	   /* locks and populates in this session, else guard pages: touching those fails */
	bool seals;
};

uint64_t differ_rand(struct differ_random *random, uint64_t below);
void differ_random(struct differ_random *random, const struct layout_drawing *now, struct layout_step *step);

#endif
